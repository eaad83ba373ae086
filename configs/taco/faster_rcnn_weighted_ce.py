"""Faster R-CNN whose second stage classifies under cross-entropy weighted by inverse density.

Train: tools/train.py configs/taco/faster_rcnn_weighted_ce.py
Result: not measured.

The weights of the training boxes have the mean 1, so that objects and background stay as balanced
as they are in faster_rcnn.py, whose settings the others are.
"""

_base_ = './faster_rcnn.py'

_base_.model.roi_head.bbox_head.loss_cls = dict(
    type='WeightedCrossEntropyLoss',
    use_sigmoid=False,
    class_weights=dict(
        scheme='inverse_density',
        scale='boxes',
        taxonomy=_base_.taxonomy,
        ann_file=_base_.train_annotations,
    ),
)
