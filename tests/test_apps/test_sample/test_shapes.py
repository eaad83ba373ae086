import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taco_plugin.apps.sample.shapes import (
    band,
    blob,
    box,
    clip_to_image,
    ellipse,
    polygon_area,
    soften,
)


def test_area_of_known_shapes():
    assert polygon_area(box(1, 2, 4, 7)) == 15
    assert polygon_area(box(1, 2, 4, 7)[::-1]) == 15
    assert polygon_area(ellipse(3, -2, 2, 5, 400)) == pytest.approx(np.pi * 10, rel=1e-3)


def test_band_has_the_area_of_its_length_times_its_width():
    assert polygon_area(band([(0, 0), (1, 0), (3, 0)], 0.2)) == pytest.approx(0.6)


def test_softening_stays_inside_the_convex_outline():
    softened = soften(box(0, 0, 1, 1))
    assert softened.min() >= 0
    assert softened.max() <= 1
    assert 0.8 < polygon_area(softened) < 1


def test_outline_inside_is_not_changed_by_clipping():
    outline = ellipse(5, 5, 4, 3)
    np.testing.assert_array_equal(clip_to_image(outline, 10), outline)


def test_outline_outside_is_clipped_to_nothing():
    assert len(clip_to_image(box(12, 2, 15, 5), 10)) == 0


def test_concave_outline_that_falls_into_parts_keeps_their_area_and_bounds():
    comb = np.array([(-4, 0), (4, 0), (4, 2), (-2, 2), (-2, 5), (4, 5), (4, 9), (-4, 9)], float)
    clipped = clip_to_image(comb, 10)
    assert polygon_area(clipped) == pytest.approx(4 * 2 + 4 * 4)
    assert clipped.min(axis=0).tolist() == [0, 0]
    assert clipped.max(axis=0).tolist() == [4, 9]


@given(st.integers(0, 10_000), st.floats(-6, 16), st.floats(-6, 16))
def test_clipped_area_is_that_of_the_pixels_inside(seed, x, y):
    outline = blob(np.random.default_rng(seed), 4, 3, 0.2) + (x, y)
    clipped = clip_to_image(outline, 10)
    if len(clipped) == 0:
        return
    assert clipped.min() >= 0
    assert clipped.max() <= 10
    outside = sum(polygon_area(part) for part in _parts_outside(outline, 10) if len(part))
    assert polygon_area(clipped) + outside == pytest.approx(polygon_area(outline), abs=1e-6)


def _parts_outside(outline, size):
    """The eight squares of 100 around the image, each clipped by moving it to the origin."""
    for column in (-1, 0, 1):
        for row in (-1, 0, 1):
            if (column, row) != (0, 0):
                yield clip_to_image(outline - (column * size, row * size), size)
