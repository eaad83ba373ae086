"""Rare classes on the embedded sample: a small Faster R-CNN with each remedy.

Run, after `make demo`:
tools/study.py configs/studies/long_tail_sample.py --out work_dirs/long_tail_sample
"""

from small import CHANNELS, FLIPPED, SMALL

_FASTER_RCNN = {
    **SMALL,
    'model.neck.in_channels': CHANNELS,
    'model.neck.out_channels': 64,
    'model.neck.num_outs': 4,
    'model.rpn_head.in_channels': 64,
    'model.rpn_head.feat_channels': 64,
    'model.rpn_head.anchor_generator.scales': [2],
    'model.rpn_head.anchor_generator.strides': [8, 16, 32, 64],
    'model.roi_head.bbox_roi_extractor.out_channels': 64,
    'model.roi_head.bbox_roi_extractor.featmap_strides': [8, 16, 32],
    'model.roi_head.bbox_roi_extractor.finest_scale': 28,
    'model.roi_head.bbox_head.in_channels': 64,
    'model.roi_head.bbox_head.fc_out_channels': 128,
    'model.train_cfg.rpn_proposal.nms_pre': 500,
    'model.train_cfg.rpn_proposal.max_per_img': 200,
    'model.train_cfg.rcnn.sampler.num': 128,
    'model.test_cfg.rpn.nms_pre': 200,
    'model.test_cfg.rpn.max_per_img': 100,
}


def _run(name: str, dataset: str = 'train_dataloader.dataset', **options: object) -> dict:
    options |= {**_FASTER_RCNN, f'{dataset}.pipeline': FLIPPED}
    return {'config': f'../taco/{name}.py', 'options': options}


# In the sample, each class is in a tenth of the photographs at least.
_REPEATS = {'train_dataloader.dataset.oversample_thr': 0.5}


sample = True
taxonomy = 'taco10'
test_fraction = 0.2
runs = {
    'plain': _run('faster_rcnn'),
    'weighted cross-entropy': _run('faster_rcnn_weighted_ce'),
    'repeats': _run('faster_rcnn_repeat_factor', 'train_dataloader.dataset.dataset', **_REPEATS),
    'Seesaw': _run('faster_rcnn_seesaw'),
    'EQLv2': _run('faster_rcnn_eqlv2'),
}
