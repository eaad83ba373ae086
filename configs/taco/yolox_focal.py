"""YOLOX-s with focal loss for its classes.

Train: tools/train.py configs/taco/yolox_focal.py
Result: not measured.

YOLOX classifies only where there is an object, so no alpha is needed to balance background. Gamma
is 2, as in the focal loss paper. All else is as in yolox.py.
"""

_base_ = './yolox.py'

_base_.model.bbox_head.loss_cls = dict(
    type='WeightedFocalLoss', use_sigmoid=True, gamma=2.0, reduction='sum'
)
