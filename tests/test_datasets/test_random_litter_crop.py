"""Training crops are taken around litter and around nothing, as often as is stated."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.structures.bbox import HorizontalBoxes

from taco_plugin.datasets import RandomLitterCrop
from taco_plugin.errors import InputError

BOXES = [[10, 20, 30, 44], [500, 300, 520, 310]]


def crop(boxes, size=(100, 80), shape=(400, 600), labels=None, **settings):
    """Crops an image whose pixels tell where they were; returns its boxes there, and the rest."""
    image = np.stack(np.meshgrid(*map(np.arange, shape[::-1])), axis=2)
    results = RandomLitterCrop(size, **settings).transform(
        {
            'img': image,
            'gt_bboxes': HorizontalBoxes(torch.tensor(boxes, dtype=torch.float).reshape(-1, 4)),
            'gt_bboxes_labels': np.array(labels or [0] * len(boxes)),
            'gt_ignore_flags': np.zeros(len(boxes), dtype=bool),
        }
    )
    corner = results['img'][0, 0]
    return (results['gt_bboxes'].numpy() + np.tile(corner, 2)).tolist(), results


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_crop_around_litter_shows_all_of_it_in_the_size_of_a_tile(seed):
    np.random.seed(seed)
    boxes, results = crop(BOXES, litter_fraction=1)
    assert boxes in ([BOXES[0]], [BOXES[1]])
    assert results['img_shape'] == (80, 100)


def test_litter_and_nothing_come_in_the_stated_ratio_and_anywhere_in_the_crop():
    np.random.seed(0)
    counts = [len(crop(BOXES, litter_fraction=0.7)[0]) for _ in range(1000)]
    assert np.mean(counts) == pytest.approx(0.7, abs=0.04)
    corners = [crop(BOXES[1:], litter_fraction=1)[1]['gt_bboxes'].numpy()[0] for _ in range(300)]
    lefts, tops = np.array(corners).T[:2]
    assert lefts.min() < 5
    assert lefts.max() > 75
    assert tops.min() < 5
    assert tops.max() > 65


def test_rare_classes_are_chosen_oftener():
    np.random.seed(0)
    weights = {'taxonomy': 'taco10', 'weights': {'Can': 0.1, 'Bottle': 0.3}}
    settings = {'labels': [0, 1], 'litter_fraction': 1, 'class_weights': weights}
    chosen = [crop(BOXES, **settings)[1]['gt_bboxes_labels'].tolist() for _ in range(400)]
    assert sum(labels == [1] for labels in chosen) / 400 == pytest.approx(0.75, abs=0.06)


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_large_litter_small_images_and_none_at_all_are_cropped_too(seed):
    np.random.seed(seed)
    ((left, top, right, bottom),), _ = crop([[50, 50, 400, 390]], litter_fraction=1)
    assert (right - left, bottom - top) == (100, 80)  # inside of it
    assert crop([[5, 5, 20, 20]], shape=(30, 40))[0] == [[5, 5, 20, 20]]
    assert crop([], litter_fraction=1)[1]['img_shape'] == (80, 100)


def test_wrong_settings_are_refused():
    with pytest.raises(InputError, match=r'litter_fraction must be in \[0, 1\], but is 2'):
        RandomLitterCrop((64, 64), litter_fraction=2)
