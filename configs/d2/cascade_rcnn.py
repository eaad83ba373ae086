"""Cascade R-CNN, ResNet-50 and FPN, on the classes of detect-waste, from COCO's weights.

Train: tools/d2_train.py --config-file configs/d2/cascade_rcnn.py
Result: not measured.

It detects boxes; the weights are those of Cascade Mask R-CNN, whose mask head is left out. The
schedule is faster_rcnn.py's.
"""

from detectron2.model_zoo import get_config

from taco_plugin.d2.config import fine_tune, use_taco

_config = get_config('COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x.py')
_config.model = get_config('common/models/cascade_rcnn.py').model
_config.model.backbone.bottom_up.freeze_at = 2
for _key in ('mask_in_features', 'mask_pooler', 'mask_head'):
    del _config.model.roi_heads[_key]
_config.dataloader.train.mapper.use_instance_mask = False
use_taco(_config, taxonomy='detectwaste7')
fine_tune(
    _config,
    'detectron2://Misc/cascade_mask_rcnn_R_50_FPN_3x/144998488/model_final_480dd8.pkl',
)
model, dataloader, train = _config.model, _config.dataloader, _config.train
optimizer, lr_multiplier = _config.optimizer, _config.lr_multiplier
