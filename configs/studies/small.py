"""What makes a detector small enough for two CPU cores and the embedded sample.

The backbone is that of the demo's detector, and stays as `make demo` has trained it.
"""

import os

from taco_plugin.checkpoint_files import best_checkpoint

CHANNELS = [64, 128, 256]
SIDE = (160, 160)
EPOCHS = 20

PIPELINE = [
    {'type': 'LoadImageFromFile'},
    {'type': 'LoadAnnotations', 'with_bbox': True},
    {'type': 'RandomResize', 'scale': SIDE, 'ratio_range': (0.8, 1.3), 'keep_ratio': True},
    {'type': 'RandomCrop', 'crop_size': SIDE},
    {'type': 'PackDetInputs'},
]
DIRECTIONS = ['horizontal', 'vertical', 'diagonal']
FLIP = {'type': 'RandomFlip', 'prob': [0.25] * 3, 'direction': DIRECTIONS}
FLIPPED = [*PIPELINE[:-1], FLIP, PIPELINE[-1]]

SMALL = {
    'load_from': None,
    'model.data_preprocessor.mean': [0, 0, 0],
    'model.data_preprocessor.std': [1, 1, 1],
    'model.data_preprocessor.bgr_to_rgb': False,
    'model.backbone': {
        '_delete_': True,
        'type': 'CSPDarknet',
        'deepen_factor': 0.33,
        'widen_factor': 0.25,
        'frozen_stages': 4,
        'norm_eval': True,
        'act_cfg': {'type': 'SiLU', 'inplace': True},
        'init_cfg': {
            'type': 'Pretrained',
            'prefix': 'backbone.',
            'checkpoint': str(best_checkpoint(os.environ.get('TACO_DEMO', 'work_dirs/demo'))),
        },
    },
    'train_dataloader.batch_size': 8,
    'train_dataloader.num_workers': 1,
    'val_dataloader.num_workers': 1,
    'val_dataloader.dataset.pipeline.1.scale': SIDE,
    'test_dataloader.num_workers': 1,
    'test_dataloader.dataset.pipeline.1.scale': SIDE,
    'auto_scale_lr.enable': False,
    'train_cfg.max_epochs': EPOCHS,
    'train_cfg.val_interval': EPOCHS // 4,
    'optim_wrapper.optimizer': {
        '_delete_': True, 'type': 'AdamW', 'lr': 0.001, 'weight_decay': 0.05,
    },
    'param_scheduler': [
        {'type': 'LinearLR', 'start_factor': 0.01, 'by_epoch': False, 'begin': 0, 'end': 40},
        {
            'type': 'CosineAnnealingLR', 'eta_min': 5e-5, 'T_max': EPOCHS, 'by_epoch': True,
            'convert_to_iter_based': True,
        },
    ],
}  # fmt: skip
