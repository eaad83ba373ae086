"""RTMDet-m as in rtmdet_m.py, on tiles as well as on whole photographs.

Train: tools/train.py configs/taco/rtmdet_m_tiled.py
Result: not measured.
"""

_base_ = './rtmdet_m.py'
from taco_plugin.tiles import use_tiles

use_tiles(_base_)
