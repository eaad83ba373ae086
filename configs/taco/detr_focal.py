"""DETR with sigmoid focal loss, as in Conditional and Deformable DETR.

Train: tools/train.py configs/taco/detr_focal.py
Result: not measured.

Loss and matching cost have a weight of 2, a gamma of 2 and an alpha of 0.25, as in those detectors.
The classifier starts from a probability of 0.01, as in RetinaNet: few of 100 queries match objects.
All else is as in detr.py.
"""

_base_ = './detr.py'

gamma, alpha = 2.0, 0.25
_base_.model.bbox_head.loss_cls = dict(
    type='WeightedFocalLoss', use_sigmoid=True, gamma=gamma, alpha=alpha, loss_weight=2.0
)
_base_.model.bbox_head.init_cfg = dict(
    type='Normal', std=0.01, bias_prob=0.01, override=dict(name='fc_cls')
)
_base_.model.train_cfg.assigner.match_costs[0] = dict(
    type='FocalLossCost', weight=2.0, gamma=gamma, alpha=alpha
)
