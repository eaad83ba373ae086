"""YOLOX-tiny, 416 px, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/yolox_tiny.py
Result: not measured.

The schedule is stock: 300 epochs, the last 15 without mosaic. YOLOX's authors found that it suits
fine-tuning as well as training from scratch (Megvii-BaseDetection/YOLOX, discussion 1604).
Linear scaling is on: the rate, 0.01 for a batch of 64, is scaled to the batch size of the run.
"""

_base_ = 'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py'
from taco_plugin.config import use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v2.0/yolox/yolox_tiny_8x8_300e_coco/yolox_tiny_8x8_300e_coco_20211124_171234-b4047906.pth',  # noqa: E501
)
