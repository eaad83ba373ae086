"""Faster R-CNN with repeat-factor sampling, on TACO's 60 categories.

Train: tools/train.py configs/taco/faster_rcnn_repeat_factor_taco60.py
Result: not measured.

Of them, 51 are in less than a tenth of the photographs, so that an epoch is 2.1 times as long.
"""

_base_ = './faster_rcnn_repeat_factor.py'
from taco_plugin.config import use_taco

use_taco(_base_, taxonomy='taco60')
