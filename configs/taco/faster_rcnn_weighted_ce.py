"""Faster R-CNN with cross-entropy weighted by inverse class frequency in its second stage.

Train: tools/train.py configs/taco/faster_rcnn_weighted_ce.py
Result: not measured.

The mean weight of the training boxes is 1, so that objects and background stay as balanced as in
faster_rcnn.py. All else is as there.
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
