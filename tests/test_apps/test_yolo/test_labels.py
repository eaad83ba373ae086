import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely import Polygon, box, make_valid, union_all

from taco_plugin.apps.yolo.labels import Label, join_polygons, parse_labels
from taco_plugin.coco import clip_box
from taco_plugin.errors import InputError

SEEDED = settings(derandomize=True, deadline=None)
SIDES = st.integers(1, 20_000)
SHARES = st.floats(0, 1)
COORDINATES = st.floats(-300, 300).map(lambda value: round(value, 3))
TRIANGLES = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=3).map(np.array)


def through_a_file(label):
    (read,) = parse_labels(label.format(), 60, 'a.txt')
    assert read.class_index == label.class_index
    return read


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
    label, size = Label.from_box(index, box, (width, height)), (width, height)
    back = through_a_file(label).to_annotation(size)['bbox']
    for old, new, side in zip(box, back, size * 2, strict=True):
        assert abs(old - new) <= 2 * bound(side)
    assert clip_box(back, width, height) == back  # not even a rounding leaves the image


@SEEDED
@given(SIDES, SIDES, st.lists(st.tuples(SHARES, SHARES), min_size=3, max_size=9))
def test_a_polygon_comes_back_but_for_rounding(width, height, shares):
    label = through_a_file(Label(2, tuple(np.ravel(shares).tolist())))
    (polygon,) = label.to_annotation((width, height))['segmentation']
    off = np.abs(np.reshape(polygon, (-1, 2)) - np.array(shares) * (width, height))
    assert (off <= [bound(width), bound(height)]).all()
    assert (np.reshape(polygon, (-1, 2)) <= [width, height]).all()


def test_boxes_of_whole_pixels_and_those_that_leave_the_image():
    box, size = [561, 1238, 7, 37], (6000, 4000)
    assert through_a_file(Label.from_box(0, box, size)).to_annotation(size)['bbox'] == box
    leaving = Label(0, (0.1, 0.5, 0.4, 0.5)).to_annotation((100, 80))
    assert leaving['bbox'] == [-10, 20, 40, 40]  # not made to fit


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('0 0.5 0.5 0.1', 'found 3 numbers after the class'),
        ('0 .1 .1 .2 .2 .3 .3 .4', 'found 7 numbers after the class'),
        ('0 0.5 nan 0.1 0.1', 'nan is not in'),
        ('0 0.5 0.5 0.1 1.001', '1.001 is not in'),
        ('0 0.5 0.5 0_1 0.1', "'0 0.5 0.5 0_1 0.1' are not all numbers"),
        ('2 0.5 0.5 0.1 0.1', 'unknown class 2: the classes are 0 to 1'),
        ('-1 0.5 0.5 0.1 0.1', 'unknown class -1'),
        ('0.5 0.5 0.5 0.1 0.1', 'unknown class 0.5'),
        ('9' * 5000 + ' 0.5 0.5 0.1 0.1', 'unknown class inf'),
        ('x' * 5000, 'are not all numbers'),
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


@SEEDED
@given(st.lists(TRIANGLES, min_size=1, max_size=4))
def test_joined_polygons_cover_what_they_cover_in_the_image(triangles):
    shapes = [Polygon(triangle) for triangle in triangles]
    assume(min(shape.area for shape in shapes) > 1)
    expected = union_all(shapes) & box(0, 0, 100, 80)
    outline = join_polygons(triangles, (100, 80))
    if not expected.area:
        assert len(outline) == 0
        return
    assert (outline >= 0).all()
    assert (outline <= [100, 80]).all()
    assert (make_valid(Polygon(outline)) ^ expected).area < 1e-6
    # So does a reader that counts turns; this one sums what each turn encloses.
    assert Polygon(outline).area == pytest.approx(expected.area, abs=1e-6)


def test_what_a_single_polygon_and_a_hole_and_a_huge_number_become():
    crossing = np.array([[0.0, 0], [100, 80], [100, 0], [0, 80]])
    assert join_polygons([crossing], (100, 80)) is crossing
    frame = [[0, 0, 60, 10], [0, 50, 60, 60], [0, 0, 10, 60], [50, 0, 60, 60]]
    sides = [np.array(box(*side).exterior.coords) for side in frame]
    assert Polygon(join_polygons(sides, (99, 99))).area == pytest.approx(60 * 60 - 40 * 40)
    corners = np.array([[-1e308, 10], [1e308, 10], [1e308, 60], [-1e308, 60]])
    assert Polygon(join_polygons([corners], (100, 80))).area == pytest.approx(5000)
