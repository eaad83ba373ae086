"""Faster R-CNN with Seesaw loss, on TACO's 28 supercategories.

Train: tools/train.py configs/taco/faster_rcnn_seesaw_taco28.py
Result: not measured.
"""

_base_ = './faster_rcnn_seesaw.py'
from taco_plugin.config import use_taco

use_taco(_base_, taxonomy='taco28')
