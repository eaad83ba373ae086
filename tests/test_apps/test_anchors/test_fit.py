import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from mmcv.image.geometric import rescale_size
from mmdet.structures.bbox import bbox_overlaps

from taco_plugin.apps.anchors.detector import (
    Detector,
    ScaleSpace,
    SSDSpace,
    build_generator,
    read_boxes,
    read_detector,
)
from taco_plugin.apps.anchors.fit import best_ious, fit_anchors, mean_recall
from taco_plugin.errors import InputError

RETINANET = {
    'type': 'AnchorGenerator',
    'octave_base_scale': 4,
    'scales_per_octave': 3,
    'ratios': [0.5, 1.0, 2.0],
    'strides': [8, 16, 32],
}
FASTER_RCNN = {'type': 'AnchorGenerator', 'scales': [8], 'ratios': [1.0], 'strides': [4, 8]}
CENTERS = {**FASTER_RCNN, 'scales': [3, 5], 'ratios': [0.4, 1.3], 'center_offset': 0.5}
SSD = {
    'type': 'SSDAnchorGenerator',
    'scale_major': False,
    'input_size': 300,
    'basesize_ratio_range': (0.15, 0.9),
    'strides': [8, 16, 32, 64, 100, 300],
    'ratios': [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
}


def made_up(side, height_over_width, count=20):
    rng = np.random.default_rng(1)
    width = side / height_over_width**0.5
    centers = rng.uniform(100, 220, (count, 2))
    half = np.array([width, width * height_over_width]) / 2
    xyxy = np.concatenate([centers - half, centers + half], axis=1)
    return xyxy, np.full((count, 2), 320)


def test_finds_the_scale_and_the_ratio_of_boxes_of_one_shape():
    boxes = made_up(side=20, height_over_width=3)
    detector = Detector('rpn_head', FASTER_RCNN, (320, 320))
    fitted = fit_anchors(*boxes, detector, seed=0)
    ious = best_ious(*boxes, build_generator({**FASTER_RCNN, **fitted}))
    assert ious.mean() > 0.68  # more than 0.7 is not asked for
    assert best_ious(*boxes, build_generator(FASTER_RCNN)).mean() < 0.5
    assert fitted['ratios'][0] > 1.7
    assert fitted == fit_anchors(*boxes, detector, seed=0)


@pytest.mark.parametrize('settings', [RETINANET, SSD])
def test_fitted_anchors_are_better_and_as_many(settings, monkeypatch):
    monkeypatch.setattr('taco_plugin.apps.anchors.fit.GENERATIONS', 15)
    boxes = made_up(side=14, height_over_width=0.6)
    fitted = fit_anchors(*boxes, Detector('bbox_head', settings, (320, 320)), seed=0)
    before, after = (build_generator({**settings, **new}) for new in ({}, fitted))
    assert after.num_base_priors == before.num_base_priors
    old, new = (mean_recall(best_ious(*boxes, some)) for some in (before, after))
    assert new > old + 0.2


def test_a_space_starts_at_the_settings_as_they_are_and_sorts_them():
    space = ScaleSpace(RETINANET)
    assert space.make(space.start) == {'octave_base_scale': 4, 'ratios': [0.5, 1, 2]}
    space = ScaleSpace({**FASTER_RCNN, 'scales': [4, 8], 'ratios': [0.5, 2.0]})
    assert space.make(np.log2([6, 3, 2.5, 0.4])) == {'scales': [3, 6], 'ratios': [0.4, 2.5]}
    sizes = [21, 45, 99, 153, 207, 261, 315]
    ssd = SSDSpace(SSD, 300)
    made = ssd.make(ssd.start)
    assert (made['min_sizes'], made['max_sizes']) == (sizes[:-1], sizes[1:])
    assert made['ratios'] == SSD['ratios']
    for before, after in zip(
        build_generator(SSD).base_anchors,
        build_generator({**SSD, **made}).base_anchors,
        strict=True,
    ):
        np.testing.assert_allclose(after, before, rtol=1e-4)


def test_reads_head_and_input_of_a_config():
    pipeline = [{'type': 'LoadImageFromFile'}, {'type': 'Resize', 'scale': (300, 200)}]
    model = {
        'rpn_head': {'anchor_generator': FASTER_RCNN},
        'bbox_head': {},
        'data_preprocessor': {'pad_size_divisor': 32},
    }
    config = {'model': model, 'test_dataloader': {'dataset': {'pipeline': pipeline}}}
    expected = Detector('rpn_head', FASTER_RCNN, (300, 200), keep_ratio=False, divisor=32)
    assert read_detector(config) == expected
    pipeline[1]['keep_ratio'] = True
    assert read_detector(config).keep_ratio
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


SIDES = st.integers(1, 9000)


def read_one(width, height, box, *, iscrowd=0, **detector):
    """The only box of an image, resized."""
    entry = {'image_id': 4, 'category_id': 1, 'bbox': box, 'iscrowd': iscrowd}
    images = [{'id': 4, 'width': width, 'height': height}]
    coco = {'images': images, 'annotations': [entry], 'categories': [{'id': 1, 'name': 'Can'}]}
    boxes, sizes = read_boxes(coco, Detector('rpn_head', {}, **detector))
    return boxes.tolist(), sizes.tolist()


@hypothesis_settings(derandomize=True, deadline=None)
@given(SIDES, SIDES, st.sampled_from([(1333, 800), (800, 1333), (640, 640)]))
def test_an_image_is_resized_as_mmcv_does(width, height, scale):
    boxes, sizes = read_one(width, height, [0, 0, width, height], scale=scale)
    expected = np.maximum(rescale_size((width, height), scale), 1)
    assert sizes == [expected.tolist()]
    assert boxes[0] == pytest.approx([0, 0, *expected])


def test_an_image_is_stretched_where_the_ratio_is_not_kept_and_padded():
    how = {'scale': (300, 300), 'keep_ratio': False, 'divisor': 32}
    assert read_one(200, 100, [20, 10, 40, 50], **how) == ([[30, 30, 90, 180]], [[320, 320]])


def test_crowds_are_no_boxes_to_fit_to():
    assert read_one(9, 9, [1, 1, 2, 2], iscrowd=1, scale=(9, 9)) == ([], [])


@pytest.mark.parametrize('settings', [RETINANET, FASTER_RCNN, CENTERS, SSD])
@pytest.mark.parametrize('size', [(300, 300), (96, 160)])
def test_is_the_best_of_all_anchors_of_the_grid(settings, size):
    generator = build_generator(settings)
    rng = np.random.default_rng(0)
    corners = rng.beta(0.5, 0.5, (200, 1, 2)) * size + rng.uniform(-40, 40, (200, 2, 2))
    corners = corners.clip(0, size)  # many near the borders
    xyxy = np.concatenate([corners.min(1), corners.max(1) + 0.5], axis=1).astype(np.float32)
    maps = [(-(-size[1] // down), -(-size[0] // across)) for across, down in generator.strides]
    anchors = torch.cat(generator.grid_priors(maps, device='cpu'))
    expected = bbox_overlaps(torch.from_numpy(xyxy), anchors).max(dim=1).values
    found = best_ious(xyxy, np.tile(size, (200, 1)), generator)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert 0.1 < found.mean() < 0.9
