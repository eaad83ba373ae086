import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taco_plugin.boxes import SIZES, bucket_areas, resize_factors


def test_an_area_on_a_bound_is_of_the_larger_size():
    areas = np.array([0.5, 1023.9, 1024, 9215.9, 9216, 1e300])
    assert bucket_areas(areas) == {'small': 2, 'medium': 2, 'large': 2}
    assert bucket_areas(np.array([])) == {'small': 0, 'medium': 0, 'large': 0}


@given(st.lists(st.floats(1e-300, 1e300)))
def test_each_box_is_of_one_size(areas):
    counts = bucket_areas(np.array(areas))
    assert sum(counts.values()) == len(areas)
    for size, (least, most) in SIZES.items():
        if most < 1e10:
            assert counts[size] == sum(least <= area < most for area in areas)


@pytest.mark.parametrize(
    ('image', 'factor'),
    [((4000, 3000), 4 / 15), ((6000, 1000), 1333 / 6000), ((416, 416), 800 / 416)],
)
@pytest.mark.parametrize('turned', [False, True])
def test_the_tighter_side_limits(image, factor, turned):
    image = image[::-1] if turned else image
    for limits in ((1333, 800), (800, 1333)):
        assert resize_factors(np.array([image]), limits).tolist() == [pytest.approx(factor)]


def test_factors_are_those_of_the_detector():
    """But for rounding to whole pixels."""
    from mmdet.datasets.transforms import Resize

    rng = np.random.default_rng(0)
    for width, height in rng.integers(20, 900, (20, 2)).tolist():
        resize = Resize(scale=(333, 200), keep_ratio=True)
        results = resize({'img': np.zeros((height, width, 3), np.uint8)})
        (factor,) = resize_factors(np.array([[width, height]]), (333, 200))
        assert np.abs(np.array([width, height]) * factor - results['img_shape'][::-1]).max() <= 0.51
