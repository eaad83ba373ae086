import numpy as np
import pytest

from taco_plugin.apps.anchors.boxes import Boxes, InputSize
from taco_plugin.apps.anchors.detector import Detector, build_generator, read_detector
from taco_plugin.apps.anchors.fit import GENERATIONS, fit_anchors, mean_recall
from taco_plugin.apps.anchors.grid import best_ious
from taco_plugin.apps.anchors.space import ScaleSpace, SSDSpace
from taco_plugin.errors import InputError

RETINANET = {
    'type': 'AnchorGenerator',
    'octave_base_scale': 4,
    'scales_per_octave': 3,
    'ratios': [0.5, 1.0, 2.0],
    'strides': [8, 16, 32],
}
FASTER_RCNN = {'type': 'AnchorGenerator', 'scales': [8], 'ratios': [1.0], 'strides': [4, 8]}
SSD = {
    'type': 'SSDAnchorGenerator',
    'scale_major': False,
    'input_size': 300,
    'basesize_ratio_range': (0.15, 0.9),
    'strides': [8, 16, 32, 64, 100, 300],
    'ratios': [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
}
INPUT = InputSize((320, 320), keep_ratio=True, divisor=32)


def made_up(side, height_over_width, count=20):
    rng = np.random.default_rng(1)
    width = side / height_over_width**0.5
    centers = rng.uniform(100, 220, (count, 2))
    half = np.array([width, width * height_over_width]) / 2
    xyxy = np.concatenate([centers - half, centers + half], axis=1).astype(np.float32)
    return Boxes(xyxy, np.full((count, 2), 320), count)


def test_finds_the_scale_and_the_ratio_of_boxes_of_one_shape():
    boxes = made_up(side=20, height_over_width=3)
    calls = []
    detector = Detector('rpn_head', FASTER_RCNN, INPUT)
    fitted = fit_anchors(boxes, detector, 0, lambda: calls.append(1) or True)
    ious = best_ious(boxes, build_generator({**FASTER_RCNN, **fitted}))
    assert ious.mean() > 0.68  # more than 0.7 is not asked for
    assert best_ious(boxes, build_generator(FASTER_RCNN)).mean() < 0.5
    assert fitted['ratios'][0] > 1.7
    assert 5 < len(calls) <= GENERATIONS  # what it returns does not end the search
    assert fitted == fit_anchors(boxes, detector, 0)


@pytest.mark.parametrize('settings', [RETINANET, SSD])
def test_fitted_anchors_are_better_and_as_many(settings, monkeypatch):
    monkeypatch.setattr('taco_plugin.apps.anchors.fit.GENERATIONS', 15)
    boxes = made_up(side=14, height_over_width=0.6)
    fitted = fit_anchors(boxes, Detector('bbox_head', settings, INPUT), 0)
    before, after = (build_generator({**settings, **new}) for new in ({}, fitted))
    assert after.num_base_priors == before.num_base_priors
    gain = mean_recall(best_ious(boxes, after)) - mean_recall(best_ious(boxes, before))
    assert gain > 0.2


def test_a_space_starts_at_the_settings_as_they_are():
    space = ScaleSpace(RETINANET)
    assert space.make(space.start) == {'octave_base_scale': 4, 'ratios': [0.5, 1, 2]}
    sizes = [21, 45, 99, 153, 207, 261, 315]
    ssd = SSDSpace(SSD, sizes, 300)
    made = ssd.make(ssd.start)
    assert (made['min_sizes'], made['max_sizes']) == (sizes[:-1], sizes[1:])
    assert made['ratios'] == SSD['ratios']
    for before, after in zip(
        build_generator(SSD).base_anchors,
        build_generator({**SSD, **made}).base_anchors,
        strict=True,
    ):
        np.testing.assert_allclose(after, before, rtol=1e-4)


def test_a_point_is_put_in_ascending_order():
    space = ScaleSpace({**FASTER_RCNN, 'scales': [4, 8], 'ratios': [0.5, 2.0]})
    made = space.make(np.log2([6, 3, 2.5, 0.4]))
    assert made == {'scales': [3, 6], 'ratios': [0.4, 2.5]}


def test_reads_head_and_input_of_a_config():
    pipeline = [{'type': 'LoadTacoImage'}, {'type': 'Resize', 'scale': (300, 200)}]
    model = {
        'rpn_head': {'anchor_generator': FASTER_RCNN},
        'bbox_head': {},
        'data_preprocessor': {'pad_size_divisor': 32},
    }
    config = {'model': model, 'test_dataloader': {'dataset': {'pipeline': pipeline}}}
    expected = Detector('rpn_head', FASTER_RCNN, InputSize((300, 200), False, 32))
    assert read_detector(config) == expected
    pipeline[1]['keep_ratio'] = True
    assert read_detector(config).input_size.keep_ratio
    del pipeline[1]
    with pytest.raises(InputError, match="has no 'Resize'"):
        read_detector(config)


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        ({'bbox_head': {'type': 'YOLOXHead'}}, 'has no anchors; Faster R-CNN'),
        ({'bbox_head': {'anchor_generator': {'type': 'YOLOAnchorGenerator'}}}, 'optimize_anchors'),
        ({}, 'has no anchors'),
    ],
)
def test_refuses_detectors_that_it_cannot_fit(model, message):
    with pytest.raises(InputError, match=message):
        read_detector({'model': model})
