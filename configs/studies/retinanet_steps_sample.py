"""From SSD to RetinaNet on the embedded sample, at a reduced size.

Run, after `make demo`:
tools/study.py configs/studies/retinanet_steps_sample.py --out work_dirs/retinanet_steps_sample

All steps have the backbone of the demo's detector. The last, more data, is not there: the sample is
all that there is.
"""

from small import CHANNELS, FLIPPED, PIPELINE, SMALL

_CHANNELS = [*CHANNELS, 64, 64]
_SSD = {'model.neck.in_channels': CHANNELS, 'model.neck.out_channels': _CHANNELS}
_FPN = {
    'model.neck.in_channels': CHANNELS,
    'model.neck.out_channels': 64,
    'model.neck.start_level': 0,
    'model.bbox_head.in_channels': 64,
    'model.bbox_head.feat_channels': 64,
}


def _run(step: str, options: dict, pipeline: list = FLIPPED) -> dict:
    options = {**SMALL, 'train_dataloader.dataset.pipeline': pipeline, **options}
    return {'config': f'../taco/retinanet_steps/retinanet_step{step}.py', 'options': options}


_ON_SSD = {**_SSD, 'model.bbox_head.in_channels': _CHANNELS}
_ON_FPN = {**_FPN, 'model.bbox_head.in_channels': [64] * 5}

sample = True
taxonomy = 'taco10'
test_fraction = 0.2
runs = {
    'SSD': _run('0_ssd', _ON_SSD, PIPELINE),
    '+ flip': _run('1_flip', _ON_SSD),
    '+ FPN': _run('2_fpn', _ON_FPN),
    '+ focal loss': _run('3_focal', _FPN),
    '+ deep heads': _run('4_deep_heads', _FPN),
    '+ bias': _run('5_bias', _FPN),
    '+ anchors': _run('6_anchors', _FPN),
}
