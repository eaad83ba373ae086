import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pycocotools import mask
from shapely import Polygon, box

from taco_plugin.apps.yolo.polygons import clip_polygon, join_polygons, signed_area

SEEDED = settings(derandomize=True, deadline=None)
COORDINATES = st.floats(-300, 300).map(lambda value: round(value, 3))
TRIANGLES = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=3).map(np.array)


@SEEDED
@given(TRIANGLES)
def test_clipping_leaves_the_area_that_lies_in_the_image(triangle):
    clipped = clip_polygon(triangle, 100, 80)
    expected = Polygon(triangle).buffer(0).intersection(box(0, 0, 100, 80)).area
    assert abs(signed_area(clipped)) == pytest.approx(expected, abs=1e-6)
    assert (clipped >= 0).all()
    assert (clipped <= [100, 80]).all()


def test_what_lies_inside_is_not_touched_and_what_lies_outside_is_gone():
    inside = np.array([[0.0, 0], [100, 0], [100, 80]])
    assert clip_polygon(inside, 100, 80) is inside
    assert len(clip_polygon(inside + 500, 100, 80)) == 0


def test_a_polygon_near_the_largest_number_is_clipped_without_nan():
    clipped = clip_polygon(
        np.array([[-1e308, 10], [1e308, 10], [1e308, 60], [-1e308, 60]]), 100, 80
    )
    assert np.isfinite(clipped).all()


@SEEDED
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=6))
def test_joining_keeps_area_and_extent_and_every_corner(parts):
    square = np.array([[0.0, 0], [7, 0], [7, 9], [0, 9]])
    polygons = [
        (square[::-1] if turned else square) + [20 * index, 15 * shift]
        for index, (shift, turned) in enumerate(parts)
    ]
    joined = join_polygons(polygons)
    corners = np.concatenate(polygons)
    assert signed_area(joined) == pytest.approx(63 * len(parts))
    assert (joined.min(0) == corners.min(0)).all()
    assert (joined.max(0) == corners.max(0)).all()
    assert {*map(tuple, joined)} == {*map(tuple, corners)}
    assert len(joined) <= len(corners) + 2 * (len(polygons) - 1)
    assert masks_differ(polygons, joined) == 0


def masks_differ(polygons, joined):
    def paint(parts):
        rles = mask.frPyObjects([part.ravel().tolist() for part in parts], 100, 150)
        return mask.decode(mask.merge(rles))

    return int((paint(polygons) != paint([joined])).sum())


@SEEDED
@given(st.lists(TRIANGLES, min_size=2, max_size=4))
def test_joining_triangles_that_lie_apart_adds_their_areas(triangles):
    areas = [abs(signed_area(triangle)) for triangle in triangles]
    assume(min(areas) > 1)
    apart = [triangle + [1000 * index, 0] for index, triangle in enumerate(triangles)]
    assert signed_area(join_polygons(apart)) == pytest.approx(sum(areas))
