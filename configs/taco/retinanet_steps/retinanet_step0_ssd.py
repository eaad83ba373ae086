"""Step 0 from SSD to RetinaNet: a small SSD, MobileNetV2, on the classes of detect-waste.

Train: tools/train.py configs/taco/retinanet_steps/retinanet_step0_ssd.py
Result: not measured.

Each level of the backbone, and two more on top, predicts for itself with one convolution. The loss
is cross-entropy of every object and of the three hardest background anchors per object. Photographs
are not flipped. What no step names is RetinaNet's from the start: input, strides and anchors, box
loss of the paper (smooth L1, beta 1/9), NMS. All steps start from ImageNet's weights, and have the
schedule of ../faster_rcnn.py and gradients clipped to 35, without which steps 3 and 4 may diverge.
"""

_base_ = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'
from taco_plugin.config import fine_tune, use_taco

use_taco(_base_, taxonomy='detectwaste7')
fine_tune(_base_)

_base_.model.type = 'SingleStageDetector'
_base_.model.backbone = dict(
    type='MobileNetV2',
    out_indices=(2, 4, 7),
    norm_eval=True,
    init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://mmdet/mobilenet_v2'),
)
_base_.model.neck = dict(
    type='SSDNeck',
    in_channels=(32, 96, 1280),
    out_channels=(32, 96, 1280, 256, 256),
    level_strides=(2, 2),
    level_paddings=(1, 1),
    l2_norm_scale=None,
)
_base_.model.bbox_head.update(type='TacoSSDHead', in_channels=(32, 96, 1280, 256, 256))
_base_.model.bbox_head.stacked_convs = 0
_base_.model.bbox_head.loss_cls = dict(type='CrossEntropyLoss', use_sigmoid=False)
del _base_.model.bbox_head['loss_bbox']
_base_.model.train_cfg.update(neg_pos_ratio=3, smoothl1_beta=1 / 9)
_base_.optim_wrapper.clip_grad = dict(max_norm=35, norm_type=2)
del _base_.train_dataloader.dataset.pipeline[3]
