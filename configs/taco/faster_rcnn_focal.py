"""Faster R-CNN with softmax focal loss in its second stage.

Train: tools/train.py configs/taco/faster_rcnn_focal.py
Result: not measured.

Gamma is 2, as in the focal loss paper. Background is one of the classes of the softmax, so no alpha
is needed. All else is as in faster_rcnn.py.
"""

_base_ = './faster_rcnn.py'

_base_.model.roi_head.bbox_head.loss_cls = dict(
    type='WeightedFocalLoss', use_sigmoid=False, gamma=2.0
)
