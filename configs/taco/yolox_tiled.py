"""YOLOX-s as in yolox.py, on tiles as well as on whole photographs.

Train: tools/train.py configs/taco/yolox_tiled.py
Result: not measured.
"""

_base_ = './yolox.py'
from taco_plugin.tiles import use_tiles

use_tiles(_base_)
