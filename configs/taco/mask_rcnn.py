"""Mask R-CNN, ResNet-50 and FPN, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/mask_rcnn.py
Result: not measured.

It learns from TACO's polygons, and is scored on boxes and masks. The schedule is faster_rcnn.py's.
Linear scaling is on: the rate is for a batch of 16, and is scaled to the batch size of the run.
"""

_base_ = 'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py'
from taco_plugin.config import fine_tune, use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v2.0/mask_rcnn/mask_rcnn_r50_fpn_1x_coco/mask_rcnn_r50_fpn_1x_coco_20200205-d4b0c5d6.pth',  # noqa: E501
)
fine_tune(_base_)
