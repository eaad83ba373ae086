"""YOLOX-nano, 416 px, on the classes of detect-waste, from scratch.

Train: tools/train.py configs/taco/yolox_nano.py
Result: not measured.

MMDetection publishes no weights of YOLOX-nano, so this one starts from scratch. The schedule is
stock, 300 epochs with the last 15 free of mosaic.
Linear scaling is on: the rate, 0.01, is for a batch of 64 and follows the batch size of the run.
"""

_base_ = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'
from taco_plugin.config import use_taco

use_taco(_base_, taxonomy='detectwaste7')
