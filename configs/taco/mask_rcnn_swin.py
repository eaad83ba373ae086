"""Mask R-CNN with Swin-T and FPN, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/mask_rcnn_swin.py
Result: not measured.

A transformer in place of mask_rcnn.py's ResNet: on COCO, box AP 46.0 after 36 epochs with random
scales and crops, of which these are the weights, against 38.2 after 12 epochs. Augmentation and
optimizer (AdamW, 1e-4) are stock; the schedule is faster_rcnn.py's, as for mask_rcnn.py.
Linear scaling is on: the rate is for a batch of 16, and is scaled to the batch size of the run.
"""

_base_ = 'mmdet::swin/mask-rcnn_swin-t-p4-w7_fpn_ms-crop-3x_coco.py'
from taco_plugin.config import fine_tune, use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v2.0/swin/mask_rcnn_swin-t-p4-w7_fpn_ms-crop-3x_coco/mask_rcnn_swin-t-p4-w7_fpn_ms-crop-3x_coco_20210906_131725-bacf6f7b.pth',  # noqa: E501
)
fine_tune(_base_)
