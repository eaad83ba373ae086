"""ATSS with EfficientNet-Lite0, small enough to learn litter of one class on a CPU.

Train and test: benchmarks/tiling.py
Result: docs/tiling.md

Whole photographs at 640 px, trained on crops of 352 px that RandomLitterCrop takes.
"""

_base_ = 'mmdet::atss/atss_r50_fpn_1x_coco.py'
import sys

from taco_plugin.config import use_taco

sys.path.append('{{ fileDirname }}')  # where the backbone is
use_taco(_base_, taxonomy='taco1')

custom_imports = dict(
    imports=['taco_plugin.plugin', 'efficientnet_lite0'], allow_failed_imports=False
)
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(_delete_=True, type='EfficientNetLite0', frozen_blocks=5),
    neck=dict(in_channels=[40, 112, 320], out_channels=64, start_level=0, num_outs=5),
    bbox_head=dict(in_channels=64, feat_channels=64, stacked_convs=2),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RandomResize', scale=(640, 640), ratio_range=(0.7, 1.4), keep_ratio=True),
    dict(type='RandomLitterCrop', crop_size=(352, 352), litter_fraction=0.8),
    dict(type='RandomFlip', prob=[0.33, 0.17], direction=['horizontal', 'vertical']),
    dict(type='PhotoMetricDistortion', brightness_delta=20),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(2, 2), keep_empty=False),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(640, 640), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))

train_cfg = dict(max_epochs=24, val_interval=12)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05, fused=True),
    clip_grad=dict(max_norm=10),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.3)), norm_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=60),
    dict(
        type='CosineAnnealingLR',
        eta_min=2e-5,
        begin=0,
        T_max=24,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(enable=False, base_batch_size=8)
default_hooks = dict(logger=dict(interval=10), early_stopping=dict(enabled=False))
