"""YOLOX-s, 640 px, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/yolox.py
Result: not measured.

The schedule is stock: 300 epochs, the last 15 without mosaic. YOLOX's authors found that it suits
fine-tuning as well as training from scratch (Megvii-BaseDetection/YOLOX, discussion 1604).
Linear scaling is on: the rate, 0.01 for a batch of 64, is scaled to the batch size of the run.
"""

_base_ = 'mmdet::yolox/yolox_s_8xb8-300e_coco.py'
from taco_plugin.config import use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v2.0/yolox/yolox_s_8x8_300e_coco/yolox_s_8x8_300e_coco_20211121_095711-4592a793.pth',  # noqa: E501
)
