"""DETR R50 as in detr.py, on tiles as well as on whole photographs.

Train: tools/train.py configs/taco/detr_tiled.py
Result: not measured.
"""

_base_ = './detr.py'
from taco_plugin.tiles import use_tiles

use_tiles(_base_)
