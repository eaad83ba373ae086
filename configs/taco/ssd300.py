"""SSD, VGG-16, 300 px, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/ssd300.py
Result: not measured.

The schedule is MMDetection's for COCO, 24 epochs of five passes over the data. Its augmentation may
enlarge the canvas of an image 16 times, so photographs are first resized to 1000 px; the smallest
crop, 0.3 of a side, is then SSD's 300 px.
Linear scaling is on: the rate is for a batch of 64, and is scaled to the batch size of the run.
"""

_base_ = 'mmdet::ssd/ssd300_coco.py'
from taco_plugin.config import use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v2.0/ssd/ssd300_coco/ssd300_coco_20210803_015428-d231a06e.pth',  # noqa: E501
)

_base_.train_dataloader.dataset.dataset.pipeline.insert(
    2, dict(type='Resize', scale=(1000, 1000), keep_ratio=True)
)
