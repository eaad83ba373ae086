"""Faster R-CNN with label smoothing in the cross-entropy of its second stage.

Train: tools/train.py configs/taco/faster_rcnn_smoothed_ce.py
Result: not measured.

A tenth of each target is spread evenly over the classes and background, as in Inception v3
(arXiv:1512.00567), which introduced label smoothing. All else is as in faster_rcnn.py.
"""

_base_ = './faster_rcnn.py'

_base_.model.roi_head.bbox_head.loss_cls = dict(
    type='WeightedCrossEntropyLoss', use_sigmoid=False, label_smoothing=0.1
)
