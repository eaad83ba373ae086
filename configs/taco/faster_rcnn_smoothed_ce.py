"""Faster R-CNN whose second stage classifies under smoothed cross-entropy.

Train: tools/train.py configs/taco/faster_rcnn_smoothed_ce.py
Result: not measured.

A tenth of each target is spread evenly over the classes and background, the amount of Inception v3
(arXiv:1512.00567), which introduced it. All else is faster_rcnn.py's.
"""

_base_ = './faster_rcnn.py'

_base_.model.roi_head.bbox_head.loss_cls = dict(
    type='WeightedCrossEntropyLoss', use_sigmoid=False, label_smoothing=0.1
)
