import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask

from taco_plugin.coco import clean_annotations, count_changes, read_coco, report_changes
from taco_plugin.coco.read import is_number
from taco_plugin.json_files import to_json

NUMBERS = st.integers(-200, 400) | st.floats() | st.sampled_from([0, 1e-320, 1e308, -1e308])
POLYGONS = st.lists(st.lists(NUMBERS, max_size=8), max_size=3)
MASKS = st.fixed_dictionaries(
    {},
    optional={
        'size': st.sampled_from([[80, 100], [300, 37], [100, 80], [80], 'x', [80.0, 100.0]]),
        'counts': st.sampled_from([[8000], [0, 11100], [8000.0], [-1, 8001], [[8000]], 7, None])
        | st.sampled_from(['``7', 'P_g0', '', 'é', 'o' * 99, ' ', '00', '`', 'nk2']),
    },
)
ANNOTATIONS = st.fixed_dictionaries(
    {
        'id': st.integers(0, 6),
        'image_id': st.integers(1, 3),
        'category_id': st.just(1),
        'bbox': st.lists(st.floats(-200, 400) | NUMBERS, min_size=4, max_size=4),
    },
    optional={
        'segmentation': st.none() | MASKS | POLYGONS,
        'area': st.none() | NUMBERS | st.just('7'),
        'iscrowd': st.sampled_from([0, 1, 2, None, math.nan, True]),
    },
)
IMAGES = [
    {'id': 1, 'file_name': '1.jpg', 'width': 100, 'height': 80},
    {'id': 2, 'file_name': '2.jpg', 'width': 37, 'height': 300},
]


CORNERS = [10, 20, 40, 20, 40, 60, 10, 60]


def check_segmentation(segmentation, image):
    """Asserts that pycocotools can read it, if there is one."""
    if isinstance(segmentation, dict) and segmentation:
        size = [image['height'], image['width']]
        if isinstance(segmentation['counts'], list):
            segmentation = mask.frPyObjects(segmentation, *size)
        assert [*mask.decode(segmentation).shape] == size
    for polygon in segmentation if isinstance(segmentation, list) else ():
        assert len(polygon) >= 6
        assert len(polygon) % 2 == 0
        assert max(map(abs, polygon)) <= 600


@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANNOTATIONS, max_size=8))
def test_what_is_left_can_be_trained_and_scored_on_and_is_clean(annotations):
    coco = {'images': IMAGES, 'annotations': annotations, 'licenses': []}
    before = repr(coco)  # == would find nan different from itself
    clean, changes = clean_annotations(coco)
    assert repr(coco) == before
    assert clean_annotations(clean) == (clean, [])
    assert changes or clean == coco
    ids = [annotation['id'] for annotation in clean['annotations']]
    assert len(set(ids)) == len(ids)
    assert 0 not in ids
    for annotation in clean['annotations']:
        x, y, w, h = annotation['bbox']
        image = IMAGES[annotation['image_id'] - 1]
        assert 0 <= x <= x + w <= image['width']
        assert 0 <= y <= y + h <= image['height']
        assert min(w, h) > 0
        assert is_number(annotation['area'])
        assert 0 < annotation['area'] < math.inf
        assert annotation['iscrowd'] in (0, 1)
        check_segmentation(annotation.get('segmentation'), image)
    segmentations = [bool(annotation.get('segmentation')) for annotation in clean['annotations']]
    assert all(segmentations) or not any(segmentations)
    dropped = [change for change in changes if change.after is None]
    assert len(clean['annotations']) + len(dropped) == len(annotations)
    to_json(clean)


@pytest.mark.parametrize(
    ('changes', 'kind', 'field', 'after'),
    [
        ({'image_id': 99}, 'image_unknown', None, None),
        ({'bbox': [1, 2, 3, math.nan]}, 'box_not_finite', None, None),
        ({'bbox': [1, 2, 0, 3]}, 'box_empty', None, None),
        ({'bbox': [1, 2, 3, -3]}, 'box_empty', None, None),
        ({'bbox': [500, 2, 3, 3]}, 'box_outside', None, None),
        ({'bbox': [-5, 20, 35, 40]}, 'box_clipped', 'bbox', [0, 20, 30, 40]),
        ({'id': 0}, 'id_zero', 'id', 3),
        ({'id': 5}, 'id_duplicate', 'id', 6),
        ({'iscrowd': math.nan}, 'iscrowd_filled', 'iscrowd', 0),
        ({'area': math.nan}, 'area_from_polygons', 'area', 600),
        ({'area': 0}, 'area_from_polygons', 'area', 600),
        ({'area': None, 'segmentation': [[0, 0, 99, 0, 99, 79]]}, 'area_from_box', 'area', 1200),
        (
            {'segmentation': [[1, 2, 3], [1, 1, 2, 2, 3, math.inf], [1, 1, 2, 2, 3, 3]]},
            'polygon_dropped',
            'segmentation',
            [[1, 1, 2, 2, 3, 3]],
        ),
        *(
            ({'segmentation': segmentation}, 'segmentation_from_box', 'segmentation', [CORNERS])
            for segmentation in (
                *(None, 7, 'polygon', [], {}, [[]], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]]),
                *(
                    [[1, 1, 2, 2, 3, math.nan]],
                    [[1, 1, 2, 2, 3, 1e8]],
                    [[1, 1, 2, 2, 3, -(10**300)]],
                ),
                *({'size': [80, 100]}, {'counts': 'P_g0', 'size': [80, 100]}, {'counts': [8000]}),
                *({'counts': [9, 9], 'size': [80, 100]}, {'counts': [8000], 'size': [100, 80]}),
                {'counts': '', 'size': [80, 100]},
            )
        ),
    ],
)
def test_every_kind_of_change_is_made_and_listed(coco, changes, kind, field, after):
    last = coco['annotations'][2]
    last.update(image_id=7, **changes) if 'image_id' not in changes else last.update(changes)
    if changes.get('id') == 5:
        coco['annotations'][0]['id'] = 5
    clean, found = clean_annotations(coco)
    assert [(change.kind, change.after) for change in found] == [(kind, after)]
    assert found[0].annotation_id == last['id']
    assert found[0].file_name == ('a/1.jpg' if kind != 'image_unknown' else None)
    assert found[0].before is last[field or 'bbox']
    if field is None:
        assert clean['annotations'] == coco['annotations'][:2]
    else:
        assert clean['annotations'][2] == {**last, field: after}


def test_missing_fields_are_filled_and_first_of_equal_ids_keeps_it(coco):
    first, second, third = coco['annotations']
    for field in ('area', 'iscrowd', 'segmentation'):
        del first[field]
    second.update(bbox=[90, 20, 30, 40], area=1200, segmentation=[])  # no area above its box's
    coco['annotations'].insert(0, {**third, 'bbox': [1, 1, 0, 0]})  # dropped: its id is free
    for annotation in coco['annotations']:
        annotation['id'] = 4
    clean, changes = clean_annotations(coco)
    filled = {'box_empty': 1, 'box_clipped': 1, 'segmentation_from_box': 2}
    filled |= {'area_from_box': 2, 'iscrowd_filled': 1}
    assert count_changes(changes) == {**filled, 'id_duplicate': 2}
    assert [annotation['area'] for annotation in clean['annotations']] == [1200, 400, 600]
    assert [annotation['id'] for annotation in clean['annotations']] == [4, 5, 6]
    assert clean['annotations'][0]['iscrowd'] == 0
    assert [a['segmentation'][0][:4] for a in clean['annotations'][:2]] == [
        *([10, 20, 40, 20], [90, 20, 100, 20])
    ]


def test_a_file_of_boxes_without_segmentations_stays_one(coco):
    for annotation, segmentation in zip(coco['annotations'], (None, [], {}), strict=True):
        annotation['segmentation'] = segmentation
    del coco['annotations'][0]['segmentation']
    assert clean_annotations(coco) == (coco, [])


@pytest.mark.parametrize('is_compressed', [False, True])
def test_masks_that_cover_their_image_stay(coco, is_compressed):
    rng = np.random.default_rng(0)
    for annotation in coco['annotations']:
        height, width = {7: (80, 100), 2: (90, 60)}[annotation['image_id']]
        bitmap = rng.random((height, width)) < rng.random()
        bitmap[: height // 2] = bitmap[0, 0]  # long runs and short ones
        changes = np.flatnonzero(np.diff(bitmap.ravel(order='F'), prepend=0)).tolist()
        ends = [0, *changes, bitmap.size]
        counts = [end - start for start, end in itertools.pairwise(ends)]
        if is_compressed:
            counts = mask.encode(np.asfortranarray(bitmap.astype(np.uint8)))['counts'].decode()
        annotation['segmentation'] = {'size': [height, width], 'counts': counts}
    assert clean_annotations(coco) == (coco, [])


def test_official_file(real_taco):
    coco = read_coco(real_taco / 'annotations.json')
    clean, changes = clean_annotations(coco)
    assert count_changes(changes) == {'box_clipped': 7, 'id_duplicate': 2}
    renumbered = [change for change in changes if change.kind == 'id_duplicate']
    assert [change.annotation_id for change in renumbered] == [309, 4040]
    for old, new in zip(coco['annotations'], clean['annotations'], strict=True):
        assert {**old, 'bbox': None, 'id': None} == {**new, 'bbox': None, 'id': None}
        assert max(abs(a - b) for a, b in zip(old['bbox'], new['bbox'], strict=True)) < 1.4
    assert {**clean, 'annotations': []} == {**coco, 'annotations': []}


def test_unofficial_file(real_taco):
    clean, changes = clean_annotations(read_coco(real_taco / 'annotations_unofficial.json'))
    counts = {'box_not_finite': 15, 'box_outside': 8, 'box_clipped': 19, 'id_zero': 1}
    assert count_changes(changes) == counts
    entries = report_changes(changes)['list']
    infinite = [entry['before'] for entry in entries if entry['kind'] == 'box_not_finite']
    assert infinite == [['inf', 'inf', '-inf', '-inf']] * 15
    assert len(clean['annotations']) == 8334 - 15 - 8
