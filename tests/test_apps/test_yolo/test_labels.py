import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from taco_plugin.apps.yolo.data import label_path
from taco_plugin.apps.yolo.labels import (
    format_box,
    format_polygon,
    parse_labels,
    read_box,
    read_polygon,
)
from taco_plugin.coco import clip_box
from taco_plugin.errors import InputError

SEEDED = settings(derandomize=True, deadline=None, max_examples=300)
SIDES = st.integers(1, 20_000)
SHARES = st.floats(0, 1)


def bound(side):
    """What a round trip may change: the rounding of the file, and that of the pixels."""
    return side * 1e-8 + 1.01e-4


@SEEDED
@given(SIDES, SIDES, st.lists(SHARES, min_size=4, max_size=4), st.integers(0, 59))
def test_a_box_comes_back_but_for_rounding(width, height, shares, index):
    left, right = sorted(share * width for share in shares[:2])
    top, bottom = sorted(share * height for share in shares[2:])
    box = clip_box([left, top, max(right - left, 1e-3), max(bottom - top, 1e-3)], width, height)
    assume(box is not None and min(box[2:]) > 2e-4)  # smaller ones are rounded away, and counted
    (label,) = parse_labels(format_box(index, box, width, height), 60, 'a.txt')
    back = read_box(label.shares, width, height)
    assert label.class_index == index
    for old, new, side in zip(box, back, (width, height) * 2, strict=True):
        assert abs(old - new) <= 2 * bound(side)
    assert clip_box(back, width, height) == back  # not even a rounding leaves the image


@SEEDED
@given(SIDES, SIDES, st.lists(st.tuples(SHARES, SHARES), min_size=3, max_size=9))
def test_a_polygon_comes_back_but_for_rounding(width, height, shares):
    points = np.array(shares) * (width, height)
    (label,) = parse_labels(format_polygon(2, points, width, height), 3, 'a.txt')
    back = read_polygon(label.shares, width, height)
    assert (np.abs(back - points) <= [bound(width), bound(height)]).all()
    assert (back <= [width, height]).all()


def test_whole_pixels_come_back_exactly():
    box = [561, 1238, 7, 37]
    (label,) = parse_labels(format_box(0, box, 6000, 4000), 1, 'a.txt')
    assert read_box(label.shares, 6000, 4000) == box


def test_a_box_that_leaves_the_image_is_not_made_to_fit():
    assert read_box([0.1, 0.5, 0.4, 0.5], 100, 80) == [-10, 20, 40, 40]


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('0 0.5 0.5 0.1', 'found 4 words'),
        ('0 0.5 0.5 0.1 0.1 0.9', 'found 6 words'),
        ('0 .1 .1 .2 .2 .3 .3 .4', 'found 8 words'),
        ('0 0.5 nan 0.1 0.1', "'nan' is not in"),
        ('0 0.5 0.5 inf 0.1', "'inf' is not in"),
        ('0 0.5 0.5 0.1 1.001', "'1.001' is not in"),
        ('0 -0.1 0.5 0.1 0.1', "'-0.1' is not in"),
        ('0 0.5 0.5 0_1 0.1', "'0_1' is no number"),
        ('can 0.5 0.5 0.1 0.1', "'can' is no number"),
        ('2 0.5 0.5 0.1 0.1', "unknown class '2': the classes are 0 to 1"),
        ('-1 0.5 0.5 0.1 0.1', "unknown class '-1'"),
        ('0.5 0.5 0.5 0.1 0.1', "unknown class '0.5'"),
        ('nan 0.5 0.5 0.1 0.1', "unknown class 'nan'"),
        ('9' * 5000 + ' 0.5 0.5 0.1 0.1', 'unknown class'),
        ('{"a": 1}', 'found 2 words'),
    ],
)
def test_a_broken_line_is_named(line, message):
    with pytest.raises(InputError, match=message) as error:
        parse_labels(f'0 0.5 0.5 1 1\n\n{line}\n', 2, 'a.txt')
    assert str(error.value).startswith('a.txt, line 3: ')
    assert len(str(error.value)) < 300
    assert '\n' not in str(error.value)


@SEEDED
@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        labels = parse_labels(text, 2, 'a.txt')
    except InputError:
        return
    assert len(labels) == sum(bool(line.split()) for line in text.split('\n'))


@pytest.mark.parametrize(
    ('image', 'label'),
    [
        ('/a/images/train/b/1.JPG', '/a/labels/train/b/1.txt'),
        ('/images/a/images/b/1.2.jpg', '/images/a/labels/b/1.2.txt'),
        ('/a/myimages/1.png', '/a/myimages/1.txt'),
    ],
)
def test_labels_lie_where_trainers_look(image, label):
    assert label_path(image) == label
