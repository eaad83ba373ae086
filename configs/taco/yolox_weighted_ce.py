"""YOLOX-s that classifies under cross-entropy weighted by the inverse density of the classes.

Train: tools/train.py configs/taco/yolox_weighted_ce.py
Result: not measured.

The weights of the training boxes have the mean 1, so that the losses of boxes and objectness keep
their share. All else is yolox.py's.
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
