"""RetinaNet, ResNet-50 and FPN, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/retinanet.py
Result: not measured.

The schedule is faster_rcnn.py's; the learning rate is stock RetinaNet's, 0.01.
Linear scaling is on: the rate is for a batch of 16, and is scaled to the batch size of the run.
"""

_base_ = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'
from taco_plugin.config import fine_tune, use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v2.0/retinanet/retinanet_r50_fpn_1x_coco/retinanet_r50_fpn_1x_coco_20200130-c2398f9e.pth',  # noqa: E501
)
fine_tune(_base_)
