import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taco_plugin.apps.download.sizes import check_scalable, fit_size, is_size, scale_annotations
from taco_plugin.errors import InputError

sides = st.integers(1, 30_000)


@given(sides, sides)
def test_fitting_bounds_the_longest_side_and_keeps_the_shape(width, height):
    fitted = fit_size((width, height), 640)
    assert max(fitted) == min(640, max(width, height))
    assert min(fitted) >= 1
    assert fit_size(fitted, 640) == fitted
    assert abs(fitted[0] * height - fitted[1] * width) <= max(width, height)


@pytest.mark.parametrize(
    ('found', 'original', 'longest', 'expected'),
    [
        ((4000, 3000), (4000, 3000), None, True),
        ((4000, 3001), (4000, 3000), None, False),
        ((640, 480), (4000, 3000), None, False),
        ((640, 480), (4000, 3000), 640, True),
        ((640, 479), (4000, 3000), 640, True),
        ((640, 478), (4000, 3000), 640, False),
        ((480, 640), (4000, 3000), 640, False),
        ((4000, 3000), (4000, 3000), 640, False),
        ((600, 400), (600, 400), 640, True),
        ((600, 401), (600, 400), 640, False),
    ],
)
def test_which_sizes_will_do(found, original, longest, expected):
    assert is_size(found, original, longest) is expected


def test_annotations_are_scaled_by_the_sizes_that_photographs_have():
    polygon = [10.0, 20.0, 40.0, 20.0, 40.0, 60.0]
    coco = {
        'images': [{'id': 3, 'file_name': 'a.jpg', 'width': 400, 'height': 300, 'license': 'CC'}],
        'annotations': [
            {'id': 1, 'image_id': 3, 'bbox': [10, 20, 30, 40], 'segmentation': [polygon]}
            | {'area': 600.0, 'iscrowd': 0},
            {'id': 2, 'image_id': 9, 'bbox': [1, 2, 3, 4]},
            {'id': 3, 'image_id': 3, 'bbox': [math.inf, math.inf, -math.inf, -math.inf]},
        ],
        'scene_annotations': [{'image_id': 3}],
    }
    scaled = scale_annotations(coco, {3: (100, 60)})
    assert scaled['images'][0] == {**coco['images'][0], 'width': 100, 'height': 60}
    first, unknown, infinite = scaled['annotations']
    assert first['bbox'] == [2.5, 4.0, 7.5, 8.0]
    assert first['segmentation'] == [[2.5, 4.0, 10.0, 4.0, 10.0, 12.0]]
    assert first['area'] == 600 * 0.25 * 0.2
    assert unknown == coco['annotations'][1]
    assert infinite == coco['annotations'][2]
    assert scaled['scene_annotations'] == coco['scene_annotations']
    assert coco['annotations'][0]['segmentation'] == [[10.0, 20.0, 40.0, 20.0, 40.0, 60.0]]


def test_masks_that_cannot_be_scaled_are_named():
    annotation = {'id': 4, 'segmentation': {'size': [1, 1], 'counts': 'x'}}
    with pytest.raises(InputError, match='annotation 4 has a run-length encoded mask'):
        check_scalable({'annotations': [annotation]})
    check_scalable({'annotations': [{'id': 4, 'segmentation': [[1, 2]]}, {'id': 5}]})
