"""YOLOX-nano, 416 px, on the classes of detect-waste, from scratch.

Train: tools/train.py configs/taco/yolox_nano.py
Result: not measured.

MMDetection publishes no weights for YOLOX-nano, so this config trains from scratch. The schedule
is stock: 300 epochs, the last 15 without mosaic.
Linear scaling is on: the rate, 0.01 for a batch of 64, is scaled to the batch size of the run.
"""

_base_ = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'
from taco_plugin.config import use_taco

use_taco(_base_, taxonomy='detectwaste7')
