"""A small Faster R-CNN that two CPU cores train on the drawn sample, without weights.

Train: TACO_DATA_ROOT=data/sample tools/d2_train.py --config-file configs/d2/demo.py
Result: mAP50 0.644 (mAP 0.401) on the sample's test split with seed 0, in 8 minutes on two cores;
with one thread, which rounds otherwise, 0.729 (0.430).

The sample is drawn by tools/dataset_converters/make_sample.py and prepared with taco10, as in
`make demo`. ResNet-18 with half of its channels, a quarter of FPN's, 224 px, and no weights, so
that batch normalization is trained too.
"""

import torch
from detectron2.config import LazyCall
from detectron2.data import transforms
from detectron2.layers import ShapeSpec
from detectron2.modeling.backbone import BasicStem, ResNet
from detectron2.modeling.backbone.resnet import BasicBlock
from fvcore.common.param_scheduler import CosineParamScheduler

from taco_plugin.d2.config import use_taco

from .faster_rcnn import dataloader, lr_multiplier, model, optimizer, train

use_taco(globals(), taxonomy='taco10')

model.backbone.bottom_up = LazyCall(ResNet)(
    stem=LazyCall(BasicStem)(in_channels=3, out_channels=32, norm='BN'),
    stages=[
        LazyCall(ResNet.make_stage)(
            block_class=BasicBlock,
            num_blocks=2,
            in_channels=before,
            out_channels=channels,
            stride_per_block=[1 if before == channels else 2, 1],
            norm='BN',
        )
        for before, channels in [(32, 32), (32, 64), (64, 128), (128, 256)]
    ],
    out_features=['res2', 'res3', 'res4', 'res5'],
)
model.backbone.update(out_channels=64, norm='BN')
model.proposal_generator.head.in_channels = 64
model.proposal_generator.anchor_generator.sizes = [[8], [16], [32], [64], [128]]
model.proposal_generator.update(pre_nms_topk=(500, 200), post_nms_topk=(200, 100))
model.roi_heads.update(batch_size_per_image=128)
model.roi_heads.box_head.update(
    input_shape=ShapeSpec(channels=64, height=7, width=7), fc_dims=[128]
)
model.roi_heads.box_predictor.input_shape = ShapeSpec(channels=128)
model.pixel_std = [57.4, 57.1, 58.4]

side = 224
dataloader.train.mapper.augmentations = [
    LazyCall(transforms.ResizeScale)(
        min_scale=0.7, max_scale=1.4, target_height=side, target_width=side
    ),
    LazyCall(transforms.FixedSizeCrop)(crop_size=(side, side)),
    LazyCall(transforms.RandomFlip)(horizontal=True),
    LazyCall(transforms.RandomFlip)(horizontal=False, vertical=True),
]
dataloader.test.mapper.augmentations = [
    LazyCall(transforms.ResizeShortestEdge)(short_edge_length=side, max_size=side)
]
dataloader.train.update(total_batch_size=8, num_workers=1)
dataloader.test.num_workers = 1

optimizer = LazyCall(torch.optim.AdamW)(params=optimizer.params, lr=1e-3, weight_decay=0.05)
lr_multiplier.update(
    scheduler=LazyCall(CosineParamScheduler)(start_value=1.0, end_value=0.05),
    warmup_length=0.05,
    warmup_factor=0.01,
)
train.update(init_checkpoint='', max_iter=800, eval_period=200)
train.checkpointer.period = 200
train.taco.base_batch_size = 8
train.seed = 0
