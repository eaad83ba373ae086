"""Faster R-CNN, ResNet-50 and FPN, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/faster_rcnn.py
Result: not measured.

The schedule is that of MMDetection's fine-tuning of Faster R-CNN on Cityscapes
(mmdet::cityscapes/faster-rcnn_r50_fpn_1x_cityscapes.py: 2,975 images, COCO's weights): 64 epochs,
the last 8 of them at a tenth of the learning rate. Its rate of 0.01 for a batch of 8 equals stock
Faster R-CNN's 0.02 for 16.
Linear scaling is on: the rate is for a batch of 16, and is scaled to the batch size of the run.
"""

_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'
from taco_plugin.config import fine_tune, use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v2.0/faster_rcnn/faster_rcnn_r50_fpn_1x_coco/faster_rcnn_r50_fpn_1x_coco_20200130-047c8118.pth',  # noqa: E501
)
fine_tune(_base_)
