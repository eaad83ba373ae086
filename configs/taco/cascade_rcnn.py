"""Cascade R-CNN, ResNet-50 and FPN, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/cascade_rcnn.py
Result: not measured.

Three box heads, each trained on the boxes of the last at a higher IoU (0.5, 0.6, 0.7): on COCO, AP
41.0 after 20 epochs, of which these are the weights, against 37.4 of faster_rcnn.py's
weights. The schedule is that of faster_rcnn.py, too.
Linear scaling is on: the rate is for a batch of 16, and is scaled to the batch size of the run.
"""

_base_ = 'mmdet::cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py'
from taco_plugin.config import fine_tune, use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v2.0/cascade_rcnn/cascade_rcnn_r50_fpn_20e_coco/cascade_rcnn_r50_fpn_20e_coco_bbox_mAP-0.41_20200504_175131-e9872a90.pth',  # noqa: E501
)
fine_tune(_base_)
