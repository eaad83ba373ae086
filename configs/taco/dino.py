"""DINO, ResNet-50 at four scales, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/dino.py
Result: not measured.

A DETR with deformable attention at four scales, queries from the encoder and denoising: on COCO, AP
49.0 after 12 epochs, of which these are the weights, against DETR's 39.9 after 150. The schedule is
MMDetection's longer one for COCO: 24 epochs, with a tenth of the learning rate after 20.
Linear scaling is on: the rate is for a batch of 16, and is scaled to the batch size of the run.
"""

_base_ = 'mmdet::dino/dino-4scale_r50_8xb2-24e_coco.py'
from taco_plugin.config import use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v3.0/dino/dino-4scale_r50_8xb2-12e_coco/dino-4scale_r50_8xb2-12e_coco_20221202_182705-55b2bba2.pth',  # noqa: E501
)
