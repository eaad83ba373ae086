"""Mask R-CNN, ResNet-50 and FPN, on the classes of detect-waste, from COCO's weights.

Train: tools/d2_train.py --config-file configs/d2/mask_rcnn.py
Result: not measured.

It learns from TACO's polygons, and is scored on boxes and masks. The schedule is faster_rcnn.py's.
"""

from detectron2.model_zoo import get_config

from taco_plugin.d2.config import fine_tune, use_taco

_config = get_config('COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x.py')
use_taco(_config, taxonomy='detectwaste7')
fine_tune(
    _config,
    'detectron2://COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x/137849600/model_final_f10217.pkl',
)
model, dataloader, train = _config.model, _config.dataloader, _config.train
optimizer, lr_multiplier = _config.optimizer, _config.lr_multiplier
