"""Faster R-CNN with Equalization Loss v2 in its second stage.

Train: tools/train.py configs/taco/faster_rcnn_eqlv2.py
Result: not measured.

Each class is a task of its own (sigmoid). The gradients that push it up and down are summed while
training, and weighted so that they balance (arXiv:2012.08548). TacoEQLV2Loss is MMDetection's
EQLV2Loss, but predicts by the sigmoid that it trains. All else is as in faster_rcnn.py.
"""

_base_ = './faster_rcnn.py'

_base_.model.roi_head.bbox_head.loss_cls = dict(
    type='TacoEQLV2Loss', num_classes=_base_.model.roi_head.bbox_head.num_classes
)
