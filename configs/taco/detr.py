"""DETR, ResNet-50, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/detr.py
Result: not measured.

The schedule is MMDetection's for COCO: 150 epochs, with a tenth of the learning rate after 100.
DETR's authors recommend its rate of 1e-4 for other data too, and users of small data sets report
40 to 120 epochs (facebookresearch/detr, discussions 22 and 341); the best checkpoint is kept.
Linear scaling is on: the rate is for a batch of 16, and is scaled to the batch size of the run.
"""

_base_ = 'mmdet::detr/detr_r50_8xb2-150e_coco.py'
from taco_plugin.config import use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v3.0/detr/detr_r50_8xb2-150e_coco/detr_r50_8xb2-150e_coco_20221023_153551-436d03e8.pth',  # noqa: E501
)
