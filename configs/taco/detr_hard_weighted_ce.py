"""DETR with cross-entropy in which the two most frequent classes have a weight of 0.5.

Train: tools/train.py configs/taco/detr_hard_weighted_ce.py
Result: not measured.

All other classes have a weight of 1, and queries without object 0.1, as in DETR. All else is as in
detr_weighted_ce.py.
"""

_base_ = './detr_weighted_ce.py'

_base_.model.bbox_head.loss_cls.class_weights.update(
    scheme='hard', frequent=2, frequent_weight=0.5, scale=None
)
