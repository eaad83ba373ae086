"""The best IoU, against every anchor that MMDetection lays out."""

import numpy as np
import pytest
import torch
from mmdet.structures.bbox import bbox_overlaps

from taco_plugin.apps.anchors.boxes import Boxes
from taco_plugin.apps.anchors.detector import build_generator
from taco_plugin.apps.anchors.grid import best_ious

GENERATORS = {
    'faster_rcnn': {
        'type': 'AnchorGenerator',
        'scales': [4, 8],
        'ratios': [0.5, 1.0, 2.0],
        'strides': [4, 8, 16],
    },
    'centers': {
        'type': 'AnchorGenerator',
        'octave_base_scale': 3,
        'scales_per_octave': 2,
        'ratios': [0.4, 1.3],
        'strides': [8, 16],
        'center_offset': 0.5,
    },
    'ssd': {
        'type': 'SSDAnchorGenerator',
        'scale_major': False,
        'input_size': 300,
        'basesize_ratio_range': (0.15, 0.9),
        'strides': [8, 16, 32, 64, 100, 300],
        'ratios': [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
    },
}


@pytest.mark.parametrize('name', GENERATORS)
@pytest.mark.parametrize('size', [(300, 300), (96, 160)])
def test_is_the_best_of_all_anchors_of_the_grid(name, size):
    generator = build_generator(GENERATORS[name])
    rng = np.random.default_rng(0)
    corners = rng.beta(0.5, 0.5, (200, 1, 2)) * size + rng.uniform(-40, 40, (200, 2, 2))
    corners = corners.clip(0, size)  # many near the borders
    xyxy = np.concatenate([corners.min(1), corners.max(1) + 0.5], axis=1).astype(np.float32)
    maps = [(-(-size[1] // down), -(-size[0] // across)) for across, down in generator.strides]
    anchors = torch.cat(generator.grid_priors(maps, device='cpu'))
    expected = bbox_overlaps(torch.from_numpy(xyxy), anchors).max(dim=1).values
    found = best_ious(Boxes(xyxy, np.tile(size, (200, 1)), 1), generator)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert 0.1 < found.mean() < 0.9


def test_a_box_that_is_an_anchor_is_met_wholly_and_one_half_as_high_by_half():
    generator = build_generator({**GENERATORS['faster_rcnn'], 'scales': [4], 'ratios': [1.0]})
    xyxy = np.array([[32 - 16, 64 - 16, 32 + 16, 64 + 16], [16, 56, 48, 72]], np.float32)
    found = best_ious(Boxes(xyxy, np.full((2, 2), 128), 1), generator)
    assert found.tolist() == [1.0, 0.5]


def test_a_grid_ends_at_the_border_of_the_image():
    settings = {'type': 'AnchorGenerator', 'scales': [1], 'ratios': [1.0], 'strides': [16]}
    corner = np.array([[120, 120, 128, 128]], np.float32)  # the last anchor ends at 120
    assert best_ious(Boxes(corner, np.array([[128, 128]]), 1), build_generator(settings)) == [0]
