"""Cascade R-CNN R50 as in cascade_rcnn.py, on tiles as well as on whole photographs.

Train: tools/train.py configs/taco/cascade_rcnn_tiled.py
Result: not measured.
"""

_base_ = './cascade_rcnn.py'
from taco_plugin.tiles import use_tiles

use_tiles(_base_)
