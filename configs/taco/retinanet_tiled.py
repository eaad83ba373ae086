"""RetinaNet R50 as in retinanet.py, on tiles as well as on whole photographs.

Train: tools/train.py configs/taco/retinanet_tiled.py
Result: not measured.
"""

_base_ = './retinanet.py'
from taco_plugin.tiles import use_tiles

use_tiles(_base_)
