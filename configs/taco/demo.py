"""A small YOLOX for `make demo`: two CPU cores train it on the embedded sample in two minutes.

Train: tools/train.py configs/taco/demo.py
Result: mAP50 0.629 on the sample's test split, the mean of seeds 0, 1 and 2 (0.582, 0.675, 0.630).
"""

_base_ = 'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py'
from taco_plugin.config import use_taco

use_taco(_base_, taxonomy='taco10')

# A quarter of YOLOX-l's channels at 160 px. SiLU is the stock Swish in one kernel, and AdamW is
# fused; a moving average of the weights would lag behind so short a training. Without weights, the
# rare classes are the last to be learnt.
scale = (160, 160)
act_cfg = dict(type='SiLU', inplace=True)
model = dict(
    data_preprocessor=dict(batch_augments=None),
    backbone=dict(widen_factor=0.25, act_cfg=act_cfg),
    neck=dict(in_channels=[64, 128, 256], out_channels=64, act_cfg=act_cfg),
    bbox_head=dict(
        in_channels=64,
        feat_channels=64,
        act_cfg=act_cfg,
        loss_cls=dict(
            type='WeightedCrossEntropyLoss',
            class_weights=dict(
                taxonomy='taco10',
                ann_file=_base_.train_annotations,
                scheme='inverse_density',
                scale='boxes',
            ),
        ),
    ),
)

train_pipeline = [
    dict(type='Mosaic', img_scale=scale, pad_val=114.0),
    dict(type='RandomAffine', scaling_ratio_range=(0.7, 1.4), border=(-80, -80)),
    dict(type='YOLOXHSVRandomAug'),
    dict(type='RandomFlip', prob=[0.25] * 3, direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1, 1), keep_empty=False),
    dict(type='PackDetInputs'),
]
test_pipeline = _base_.val_dataloader.dataset.pipeline
test_pipeline[1] = dict(type='Resize', scale=scale, keep_ratio=True)
train_dataloader = dict(num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

max_epochs = 32
lr = 0.008
train_cfg = dict(max_epochs=max_epochs, val_interval=8)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=lr, weight_decay=0.05, fused=True)
)
auto_scale_lr = dict(enable=False, base_batch_size=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=60),
    dict(
        type='CosineAnnealingLR',
        eta_min=lr / 20,
        begin=0,
        T_max=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(logger=dict(interval=20))
custom_hooks = [dict(type='YOLOXModeSwitchHook', num_last_epochs=12, priority=48)]
