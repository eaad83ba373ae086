"""Faster R-CNN whose backbone is frozen at first, and then trained with lower rates further down.

Train: tools/train.py configs/taco/faster_rcnn_gradual.py
Result: not measured.

For 8 epochs only FPN and heads are trained, then the last stage of ResNet too, and after 16 epochs
all of it: stock Faster R-CNN never trains its stem and first stage, because of frozen_stages. As
elsewhere, statistics of BatchNorm stay those of ImageNet. Each stage has 0.7 times the rate of the
next, and the stem 0.17 times that of the heads. All else is as in faster_rcnn.py.
"""

_base_ = './faster_rcnn.py'

_base_.model.backbone.frozen_stages = -1
optim_wrapper = dict(
    constructor='LayerDecayOptimWrapperConstructor', paramwise_cfg=dict(decay_rate=0.7)
)
custom_hooks = [
    dict(type='GradualUnfreezingHook', unfreeze_at={'backbone.layer4': 8, 'backbone': 16}),
]
