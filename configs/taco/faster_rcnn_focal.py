"""Faster R-CNN whose second stage classifies under softmax focal loss.

Train: tools/train.py configs/taco/faster_rcnn_focal.py
Result: not measured.

Gamma is the 2 of the focal loss paper; background is one of the classes of the softmax, so that no
alpha is needed. All else is faster_rcnn.py's.
"""

_base_ = './faster_rcnn.py'

_base_.model.roi_head.bbox_head.loss_cls = dict(
    type='WeightedFocalLoss', use_sigmoid=False, gamma=2.0
)
