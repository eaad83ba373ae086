"""YOLOX-s on one cycle of the learning rate: a third of the epochs of yolox.py.

Train: tools/train.py configs/taco/yolox_one_cycle.py
Result: not measured.

In 100 epochs the rate rises from a 25th to yolox.py's own, for 30 epochs, and then falls to almost
nothing (arXiv:1708.07120); the last 15 epochs are without mosaic. Each layer of the backbone has a
maximum of its own, 0.8 times that of the next. What a cycle gains comes at its end, so it is not
stopped early. All else is as in yolox.py.
"""

_base_ = './yolox.py'

max_epochs = 100
train_cfg = dict(max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(
    constructor='LayerDecayOptimWrapperConstructor', paramwise_cfg=dict(decay_rate=0.8)
)
param_scheduler = [
    dict(type='ParamwiseOneCycleLR', by_epoch=True, end=max_epochs, convert_to_iter_based=True)
]
default_hooks = dict(checkpoint=dict(interval=5), early_stopping=dict(enabled=False))
