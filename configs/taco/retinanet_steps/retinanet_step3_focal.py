"""Step 3 from SSD to RetinaNet: focal loss.

Train: tools/train.py configs/taco/retinanet_steps/retinanet_step3_focal.py
Result: not measured.

Every anchor counts, the more the worse it is classified, in place of three background anchors per
object. Classes are independent (sigmoid), without one for background. SSD's head cannot do without
its choice of background anchors; RetinaNet's, still of one convolution, is shared by all levels.
"""

_base_ = './retinanet_step2_fpn.py'

_base_.model.bbox_head.update(type='RetinaHead', in_channels=256)
_base_.model.bbox_head.loss_cls = dict(
    type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0
)
_base_.model.bbox_head.loss_bbox = dict(type='SmoothL1Loss', beta=1 / 9)
_base_.model.bbox_head.init_cfg = dict(type='Normal', layer='Conv2d', std=0.01)
del _base_.model.train_cfg['neg_pos_ratio']
del _base_.model.train_cfg['smoothl1_beta']
