"""Faster R-CNN, ResNet-50 and FPN, on the classes of detect-waste, from COCO's weights.

Train: tools/d2_train.py --config-file configs/d2/faster_rcnn.py
Result: not measured.

The schedule is that of Detectron2's fine-tuning of Mask R-CNN on Cityscapes
(configs/Cityscapes/mask_rcnn_R_50_FPN.yaml: 2,975 images, COCO's weights): 24,000 iterations of 8
images are 64 epochs, the last quarter of them at a tenth of the learning rate. Its rate of 0.01 for
a batch of 8 equals 0.02 for 16.
Linear scaling is on: rate and iterations are for a batch of 16, and are scaled to
dataloader.train.total_batch_size.
"""

from detectron2.model_zoo import get_config

from taco_plugin.d2.config import fine_tune, use_taco

_config = get_config('COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x.py')
for _key in ('mask_in_features', 'mask_pooler', 'mask_head'):
    del _config.model.roi_heads[_key]
_config.dataloader.train.mapper.use_instance_mask = False
use_taco(_config, taxonomy='detectwaste7')
fine_tune(
    _config,
    'detectron2://COCO-Detection/faster_rcnn_R_50_FPN_3x/137849458/model_final_280758.pkl',
)
model, dataloader, train = _config.model, _config.dataloader, _config.train
optimizer, lr_multiplier = _config.optimizer, _config.lr_multiplier
