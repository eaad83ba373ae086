"""YOLOX-s with cross-entropy weighted by inverse class frequency.

Train: tools/train.py configs/taco/yolox_weighted_ce.py
Result: not measured.

The mean weight of the training boxes is 1, so that the balance with the box and objectness losses
is kept. All else is as in yolox.py.
"""

_base_ = './yolox.py'

_base_.model.bbox_head.loss_cls = dict(
    type='WeightedCrossEntropyLoss',
    use_sigmoid=True,
    class_weights=dict(
        scheme='inverse_density',
        scale='boxes',
        taxonomy=_base_.taxonomy,
        ann_file=_base_.train_annotations,
    ),
    reduction='sum',
)
