"""ATSS with EfficientNet-Lite0 as in atss_lite0.py, trained and tested in tiles.

Train and test: benchmarks/tiling.py
Result: docs/tiling.md

The crops stay at 352 px, so that training costs the same, and 60 % of them are at the scale of
tiles. ``use_tiles`` would cut tiles of 640 px, and resize and crop these.
"""

_base_ = './atss_lite0.py'
from taco_plugin.tiles import use_tiles

use_tiles(_base_, tile_size=640, train=0)
_base_.train_dataloader.dataset.pipeline[2] = dict(
    type='RandomChoice',
    transforms=[
        [dict(type='RandomResize', scale=(640, 640), ratio_range=(0.7, 1.4), keep_ratio=True)],
        [dict(type='RandomResize', scale=(1600, 1600), ratio_range=(0.7, 1.3), keep_ratio=True)],
    ],
    prob=[0.4, 0.6],
)
