"""Step 2 from SSD to RetinaNet: a feature pyramid on ResNet-50.

Train: tools/train.py configs/taco/retinanet_steps/retinanet_step2_fpn.py
Result: not measured.

Coarse levels are added to fine ones, so that small litter is seen in its context. All five levels
have 256 channels. Backbone and neck are those of mmdet::retinanet/retinanet_r50_fpn_1x_coco.py.
"""

_base_ = './retinanet_step1_flip.py'

_base_.model.backbone = dict(
    type='ResNet',
    depth=50,
    num_stages=4,
    out_indices=(0, 1, 2, 3),
    frozen_stages=1,
    norm_cfg=dict(type='BN', requires_grad=True),
    norm_eval=True,
    style='pytorch',
    init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
)
_base_.model.neck = dict(
    type='FPN',
    in_channels=[256, 512, 1024, 2048],
    out_channels=256,
    start_level=1,
    add_extra_convs='on_input',
    num_outs=5,
)
_base_.model.bbox_head.in_channels = [256] * 5
