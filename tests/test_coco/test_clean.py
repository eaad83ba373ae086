import copy
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taco_plugin.coco import clean_annotations, clip_box, count_changes, read_coco
from taco_plugin.coco.read import is_number
from taco_plugin.files import to_json

SEEDED = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NUMBERS = st.one_of(
    st.integers(-200, 400),
    st.floats(-200, 400),
    st.floats(),
    st.sampled_from([0, 1e-320, 1e308, -1e308]),
)
ANNOTATIONS = st.fixed_dictionaries(
    {
        'id': st.integers(0, 6),
        'image_id': st.integers(1, 3),
        'category_id': st.just(1),
        'bbox': st.lists(NUMBERS, min_size=4, max_size=4),
    },
    optional={
        'segmentation': st.one_of(
            st.none(), st.just({'counts': []}), st.lists(st.lists(NUMBERS, max_size=8), max_size=3)
        ),
        'area': st.one_of(st.none(), NUMBERS, st.just('7')),
        'iscrowd': st.sampled_from([0, 1, 2, None, math.nan, True]),
    },
)
FILES = st.builds(
    lambda annotations: {
        'images': [
            {'id': 1, 'file_name': '1.jpg', 'width': 100, 'height': 80},
            {'id': 2, 'file_name': '2.jpg', 'width': 37, 'height': 300},
        ],
        'annotations': annotations,
        'licenses': [],
    },
    st.lists(ANNOTATIONS, max_size=8),
)


@SEEDED
@given(FILES)
def test_cleaning_twice_changes_nothing_more_and_leaves_the_input_alone(coco):
    before = copy.deepcopy(coco)
    clean, changes = clean_annotations(coco)
    assert repr(coco) == repr(before)  # == would find nan different from itself
    again, more = clean_annotations(clean)
    assert more == []
    assert again == clean
    if not changes:
        assert clean == coco


@SEEDED
@given(FILES)
def test_what_is_left_can_be_trained_and_scored_on(coco):
    clean, changes = clean_annotations(coco)
    sizes = {image['id']: (image['width'], image['height']) for image in coco['images']}
    ids = [annotation['id'] for annotation in clean['annotations']]
    assert len(set(ids)) == len(ids)
    assert 0 not in ids
    for annotation in clean['annotations']:
        x, y, w, h = annotation['bbox']
        width, height = sizes[annotation['image_id']]
        assert 0 <= x < x + w <= width or w < 1e-9
        assert 0 <= y < y + h <= height or h < 1e-9
        assert w > 0
        assert h > 0
        assert is_number(annotation['area'])
        assert 0 < annotation['area'] < math.inf
        assert annotation['iscrowd'] in (0, 1)
    dropped = [change for change in changes if change.after is None]
    assert len(clean['annotations']) + len(dropped) == len(coco['annotations'])
    to_json(clean)


@SEEDED
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4), st.integers(1, 9000), st.integers(1, 99)
)
def test_a_clipped_box_lies_in_the_image_and_in_the_box(box, width, height):
    clipped = clip_box(box, width, height)
    if clipped is None:
        return
    for start, length, new_start, new_length, limit in (
        (box[0], box[2], clipped[0], clipped[2], width),
        (box[1], box[3], clipped[1], clipped[3], height),
    ):
        assert start <= new_start
        assert 0 <= new_start <= new_start + new_length <= limit
        assert new_start + new_length <= start + length


@pytest.mark.parametrize(
    ('box', 'clipped'),
    [
        ([-2, -3, 12, 13], [0, 0, 10, 10]),
        ([95, 70, 10, 20], [95, 70, 5, 10]),
        ([-10, -10, 1000, 1000], [0, 0, 100, 80]),
        ([0.1, 0.2, 0.7, 0.3], [0.1, 0.2, 0.7, 0.3]),
        ([0, 0, 100, 80], [0, 0, 100, 80]),
        ([100, 0, 5, 5], None),
        ([0, 80.5, 5, 5], None),
        ([-5, 0, 5, 5], None),
    ],
)
def test_clips_boxes(box, clipped):
    assert clip_box(box, 100, 80) == clipped


@pytest.mark.parametrize(
    ('changes', 'kind', 'field', 'after'),
    [
        ({'image_id': 99}, 'image_unknown', None, None),
        ({'bbox': [math.inf, math.inf, -math.inf, -math.inf]}, 'box_not_finite', None, None),
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
        ({'area': None, 'segmentation': []}, 'area_from_box', 'area', 1200),
        ({'area': None, 'segmentation': [[0, 0, 99, 0, 99, 79]]}, 'area_from_box', 'area', 1200),
        (
            {'segmentation': [[1, 2, 3], [1, 1, 2, 2, 3, math.inf], [1, 1, 2, 2, 3, 3]]},
            'polygon_dropped',
            'segmentation',
            [[1, 1, 2, 2, 3, 3]],
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


def test_missing_fields_are_filled(coco):
    for field in ('area', 'iscrowd', 'segmentation'):
        del coco['annotations'][0][field]
    clean, changes = clean_annotations(coco)
    assert count_changes(changes) == {'area_from_box': 1, 'iscrowd_filled': 1}
    assert clean['annotations'][0]['area'] == 1200
    assert clean['annotations'][0]['iscrowd'] == 0
    assert 'segmentation' not in clean['annotations'][0]


def test_area_of_a_clipped_box_is_not_larger_than_the_box(coco):
    annotation = coco['annotations'][0]
    annotation.update(bbox=[90, 20, 30, 40], area=1200, segmentation=[])
    clean, changes = clean_annotations(coco)
    assert clean['annotations'][0]['area'] == 400
    assert count_changes(changes) == {'box_clipped': 1, 'area_from_box': 1}


def test_first_of_two_equal_ids_keeps_it_even_if_a_dropped_one_had_it_before(coco):
    for annotation in coco['annotations']:
        annotation['id'] = 4
    coco['annotations'][0]['bbox'] = [1, 1, 0, 0]
    clean, _ = clean_annotations(coco)
    assert [annotation['id'] for annotation in clean['annotations']] == [4, 5]


def test_official_file(real_taco):
    coco = read_coco(real_taco / 'annotations.json')
    clean, changes = clean_annotations(coco)
    assert count_changes(changes) == {'box_clipped': 7, 'id_duplicate': 2}
    renumbered = [change for change in changes if change.kind == 'id_duplicate']
    assert [change.annotation_id for change in renumbered] == [309, 4040]
    assert len({annotation['id'] for annotation in clean['annotations']}) == 4784
    without = {'bbox', 'id'}
    for old, new in zip(coco['annotations'], clean['annotations'], strict=True):
        assert {k: old[k] for k in old.keys() - without} == {
            k: new[k] for k in new.keys() - without
        }
        assert max(abs(a - b) for a, b in zip(old['bbox'], new['bbox'], strict=True)) < 1.4
    assert {k: v for k, v in clean.items() if k != 'annotations'} == {
        k: v for k, v in coco.items() if k != 'annotations'
    }


def test_unofficial_file(real_taco):
    coco = read_coco(real_taco / 'annotations_unofficial.json')
    clean, changes = clean_annotations(coco)
    assert count_changes(changes) == {
        'box_not_finite': 15,
        'box_outside': 8,
        'box_clipped': 27 - 8,
        'id_zero': 1,
    }
    assert len(clean['annotations']) == 8334 - 15 - 8
    assert json.loads(to_json(clean)) == clean
