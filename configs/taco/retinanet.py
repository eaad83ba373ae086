"""RetinaNet, ResNet-50 and FPN, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/retinanet.py
Result: not measured.

The schedule is that of MMDetection's fine-tuning of Faster R-CNN on Cityscapes
(mmdet::cityscapes/faster-rcnn_r50_fpn_1x_cityscapes.py: 2,975 images, COCO's weights): 64 passes
over the images, the last eighth of them at a tenth of the learning rate. The learning rate is stock
RetinaNet's, 0.01.
Linear scaling is on: the rate is for a batch of 16 and follows the batch size of the run.
"""

_base_ = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'
from taco_plugin.config import put_on_taco

put_on_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v2.0/retinanet/retinanet_r50_fpn_1x_coco/retinanet_r50_fpn_1x_coco_20200130-c2398f9e.pth',  # noqa: E501
)

max_epochs = 64
train_cfg = dict(max_epochs=max_epochs, val_interval=4)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', begin=0, end=max_epochs, milestones=[56], gamma=0.1, by_epoch=True),
]
