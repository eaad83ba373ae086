"""DETR with cross-entropy weighted by the inverse density of the classes.

Train: tools/train.py configs/taco/detr_weighted_ce.py
Result: not measured.

A query that found no object weighs 0.1, as in DETR, and the average is DETR's: by the weight of all
queries. The weights of the training boxes have the mean 1, so that objects and background stay as
balanced as they are in detr.py, whose schedule this is.
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
