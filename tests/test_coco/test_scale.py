"""Scaling a file and going back; the tool that does it is tested in test_prepare."""

import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask

from taco_plugin.coco import (
    clean_annotations,
    clip_box,
    restore_originals,
    shrink_images,
    shrunk_size,
)
from taco_plugin.errors import InputError

SIDES = st.integers(1, 6000)
SHARES = st.tuples(*[st.floats(0, 1)] * 4)


def make_file(width, height, place=(0.2, 0.3, 0.7, 0.9), name='a.jpg'):
    """One image and a box, whose corners lie at shares of its width and height."""
    x, right = sorted((place[0] * width, place[1] * width))
    y, bottom = sorted((place[2] * height, place[3] * height))
    box = {'id': 3, 'image_id': 1, 'category_id': 1, 'iscrowd': 0}
    box |= {'bbox': [x, y, right - x, bottom - y], 'area': (right - x) * (bottom - y)}
    image = {'id': 1, 'file_name': name, 'width': width, 'height': height}
    box['segmentation'] = [[x, y, right, bottom]]
    return {'info': {}, 'images': [image], 'annotations': [box], 'categories': []}


@given(SIDES, SIDES, SIDES, SHARES)
def test_boxes_stay_inside_and_in_their_place(width, height, max_side, place):
    coco = make_file(width, height, place)
    before = copy.deepcopy(coco)
    small = shrink_images(coco, max_side)
    assert coco == before
    size = small['images'][0]['width'], small['images'][0]['height']
    assert size == shrunk_size(width, height, max_side)
    assert max(size) == min(max_side, max(width, height))
    (old,), (new,) = coco['annotations'], small['annotations']
    assert clip_box(new['bbox'], *size) in (new['bbox'], None)  # None of an empty one
    factors = np.tile(np.divide(size, (width, height)), 2)
    assert new['bbox'] == pytest.approx(old['bbox'] * factors, abs=1e-8)
    assert new['area'] == pytest.approx(old['area'] * factors[:2].prod())
    assert new['segmentation'][0] == pytest.approx(old['segmentation'][0] * factors)


@given(SIDES, SIDES, SIDES, SIDES, SHARES, st.sampled_from(['a.jpg', 'b/a.PNG']))
def test_originals_come_back_as_they_were(width, height, first, second, place, name):
    coco = clean_annotations(make_file(width, height, place, name))[0]
    for scaled in (shrink_images(coco, first), shrink_images(shrink_images(coco, first), second)):
        clean, changes = clean_annotations(scaled)
        assert restore_originals(scaled) == coco
        assert changes == []
        assert json.loads(json.dumps(clean)) == scaled
    assert restore_originals(coco) == coco


def test_a_box_that_was_added_to_a_scaled_file_is_scaled_back():
    small = shrink_images(make_file(400, 200), 100)
    del small['annotations'][0]['original']
    restored = restore_originals(shrink_images(small, 50))
    assert restored['images'] == make_file(400, 200)['images']
    (box,) = make_file(400, 200)['annotations']
    assert restored['annotations'][0]['bbox'] == pytest.approx(box['bbox'])


def test_names_that_would_collide_are_refused():
    coco = make_file(200, 100, name='a.png')
    coco['images'].append({**coco['images'][0], 'id': 2, 'file_name': 'a.png.jpg'})
    with pytest.raises(InputError, match=r"'a.png' and 'a.png.jpg' would both become 'a.png.jpg'"):
        shrink_images(coco, 100)
    assert shrink_images(coco, 200) == coco


@pytest.mark.parametrize('is_compressed', [False, True])
def test_run_length_masks_are_scaled(is_compressed):
    bitmap = np.zeros((100, 200), np.uint8, order='F')
    bitmap[20:60, 100:] = 1
    rle = {'size': [100, 200], 'counts': [10_020, *[40, 60] * 99, 40, 40]}
    if is_compressed:
        rle = mask.encode(bitmap)
        rle['counts'] = rle['counts'].decode()
    coco = make_file(200, 100)
    coco['annotations'][0]['segmentation'] = rle
    small = shrink_images(coco, 20)
    shrunk = mask.decode(small['annotations'][0]['segmentation'])
    assert shrunk.tolist() == bitmap[5::10, 5::10].tolist()
    assert restore_originals(json.loads(json.dumps(small))) == coco


@pytest.mark.parametrize('size', [[100, 200], [10**9, 10**9]])
def test_broken_masks_are_refused(size):
    coco = make_file(200, 100)
    coco['annotations'][0]['segmentation'] = {'size': size, 'counts': [1, 2, 10**6]}
    with pytest.raises(InputError, match='annotation 3: its run-length mask is'):
        shrink_images(coco, 20)
