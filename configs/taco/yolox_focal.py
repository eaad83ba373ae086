"""YOLOX-s that classifies under focal loss.

Train: tools/train.py configs/taco/yolox_focal.py
Result: not measured.

YOLOX classifies only where there is an object, so that no alpha is needed against background; gamma
is the 2 of the focal loss paper. All else is yolox.py's.
"""

_base_ = './yolox.py'

_base_.model.bbox_head.loss_cls = dict(
    type='WeightedFocalLoss', use_sigmoid=True, gamma=2.0, reduction='sum'
)
