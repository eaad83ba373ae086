"""Mask R-CNN with litter pasted from one photograph into another.

Train: tools/train.py configs/taco/mask_rcnn_copy_paste.py
Result: not measured.

Some objects of a photograph, chosen at random, are cut out along TACO's polygons and pasted at the
same place of another (arXiv:2012.07177). Photographs of rare classes are repeated as in
faster_rcnn_repeat_factor.py, both to paste from and to paste into. The pipeline is that of
mmdet::simple_copy_paste with standard scale jittering (1024 px, 0.8 to 1.25), by which all
images have one size. Twice as many photographs are loaded. All else is as in mask_rcnn.py.
"""

_base_ = './mask_rcnn.py'

size = (1024, 1024)
_base_.train_dataloader.dataset.pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomResize', scale=size, ratio_range=(0.8, 1.25), keep_ratio=True),
    dict(type='RandomCrop', crop_size=size, recompute_bbox=True, allow_negative_crop=True),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-2, 1e-2)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=size),
]
_base_.train_dataloader.dataset = dict(
    type='MultiImageMixDataset',
    dataset=dict(
        type='ClassBalancedDataset', oversample_thr=0.1, dataset=_base_.train_dataloader.dataset
    ),
    pipeline=[dict(type='CopyPaste', max_num_pasted=100), dict(type='PackDetInputs')],
)
