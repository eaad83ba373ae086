"""DETR with cross-entropy weighted by inverse class frequency.

Train: tools/train.py configs/taco/detr_weighted_ce.py
Result: not measured.

As in DETR, queries without object have a weight of 0.1, and the loss is divided by the weights of
all queries. The mean weight of the training boxes is 1, so that objects and background stay as
balanced as in detr.py, whose schedule is used.
"""

_base_ = './detr.py'

_base_.model.bbox_head.loss_cls = dict(
    type='WeightedCrossEntropyLoss',
    use_sigmoid=False,
    class_weights=dict(
        scheme='inverse_density',
        scale='boxes',
        taxonomy=_base_.taxonomy,
        ann_file=_base_.train_annotations,
    ),
    background_weight=0.1,
    avg_by_weight=True,
)
