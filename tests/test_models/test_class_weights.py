import math
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taco_plugin.errors import InputError
from taco_plugin.models.losses import class_weights
from taco_plugin.models.losses.class_weights import read_class_weights, weigh_classes
from taco_plugin.taxonomies import load_taxonomy

OFFICIAL = {'metals_and_plastic': 2403, 'non_recyclable': 1351, 'unknown': 517, 'glass': 248}
OFFICIAL |= {'paper': 255, 'bio': 8, 'other': 2}
TACO10 = load_taxonomy('taco10').classes
some_counts = st.lists(st.integers(0, 5000), min_size=2, max_size=12).filter(any)
SCALES = 'sum', 'mean', 'boxes'
some_scheme = st.sampled_from(list(class_weights.SCHEMES))


def from_file(path, taxonomy='taco10', **changed):
    """Class weights of a file as a config states them; an entry changed to ... is left out."""
    given = dict(taxonomy=taxonomy, ann_file=path, scheme='inverse_density', scale=None)
    return {key: value for key, value in {**given, **changed}.items() if value is not ...}


@pytest.mark.parametrize(
    ('scheme', 'counts', 'options', 'expected'),
    [
        ('inverse_density', [8, 3, 0, 1], {}, [12 / 9, 3, 12, 6]),
        ('inverse_density', [0, 0], {}, [0, 0]),
        ('sqrt_inverse', [8, 3, 0, 1], {}, [math.sqrt(4 / 3), math.sqrt(3), math.sqrt(12), 6**0.5]),
        # Effective numbers for beta = 0.9: 0.1 / 0.1 = 1, 0.19 / 0.1 = 1.9, 0.271 / 0.1 = 2.71.
        ('effective_number', [1, 2, 3, 0], {'beta': 0.9}, [1, 1 / 1.9, 1 / 2.71, 1]),
        ('effective_number', [2], {}, [1 / 1.999]),
        ('effective_number', [10**6], {}, [0.001]),
        ('effective_number', [5, 1, 0], {'beta': 0}, [1, 1, 1]),
        ('hard', [3, 9, 1, 7], {}, [1, 0.5, 1, 0.5]),
        ('hard', [4, 7, 7, 7], {}, [1, 0.5, 0.5, 1]),
        ('hard', [3, 9, 1], {'frequent': 0}, [1, 1, 1]),
        ('hard', [3, 9, 1], {'frequent': 1, 'frequent_weight': 0.25}, [1, 0.25, 1]),
        ('hard', [3, 9, 1], {'frequent': 3, 'frequent_weight': 0}, [0, 0, 0]),
    ],
)
def test_schemes_by_hand(scheme, counts, options, expected):
    assert weigh_classes(counts, scheme, None, **options) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ('scale', 'expected'),
    [('sum', (0.3, 0.7)), ('mean', (0.6, 1.4)), ('boxes', (0.75, 1.75)), (None, (8 / 7, 8 / 3))],
)
def test_scales_by_hand(scale, expected):
    # Densities 8 / 7 and 8 / 3; for boxes, 0.75 * 6 + 1.75 * 2 is 8, the number of boxes.
    assert weigh_classes([6, 2], 'inverse_density', scale) == pytest.approx(expected)


@settings(deadline=None)
@given(some_counts, some_scheme)
def test_scaled_weights_keep_ratios_and_order_and_have_the_mean_they_promise(counts, scheme):
    plain, total, mean, boxes = (weigh_classes(counts, scheme, s) for s in (None, *SCALES))
    for scaled in (total, mean, boxes):
        assert [w / scaled[0] for w in scaled] == pytest.approx([w / plain[0] for w in plain])
    assert math.fsum(total) == pytest.approx(1)
    assert math.fsum(mean) / len(counts) == pytest.approx(1)
    weighed = math.fsum(w * n for w, n in zip(boxes, counts, strict=True))
    assert weighed / sum(counts) == pytest.approx(1)
    assert min(plain) > 0
    for (n, weight), (m, other) in permutations(zip(counts, plain, strict=True), 2):
        assert n <= m or weight <= other  # a more frequent class never weighs more


def test_from_a_prepared_file_and_by_the_options_of_a_scheme(write_coco):
    path = write_coco({name: n for n, name in enumerate(TACO10)})
    read = read_class_weights(from_file(path))
    assert read.classes == TACO10
    assert read.weights == pytest.approx([45 / (n + 1) for n in range(10)])
    hard = from_file(path, scheme='hard', scale='sum', frequent=1, frequent_weight=0.0)
    assert read_class_weights(hard).weights == pytest.approx([1 / 9] * 9 + [0])


def test_from_tacos_own_categories(write_coco):
    counts = {'Food Can': 2, 'Cigarette': 4, 'Drink can': 1, 'Battery': 0, 'Paper cup': 3}
    path = write_coco(counts)
    read = read_class_weights(from_file(path))
    by_name = dict(zip(read.classes, read.weights, strict=True))
    expected = dict.fromkeys(TACO10, 10.0) | {'Can': 2.5, 'Cigarette': 2.0, 'Cup': 2.5}
    assert by_name == pytest.approx(expected)


def test_from_the_official_file(real_taco):
    path = str(real_taco / 'annotations.json')
    read = read_class_weights(from_file(path, taxonomy='detectwaste7'))
    counts = [round(4784 / weight - 1) for weight in read.weights]
    assert dict(zip(read.classes, counts, strict=True)) == OFFICIAL


def test_by_value_and_by_name():
    assert read_class_weights([2, 0, 0.5]).weights == (2.0, 0.0, 0.5)
    assert read_class_weights([2, 0, 0.5]).classes is None
    named = read_class_weights(dict(taxonomy='taco10', weights={'Pop tab': 4, 'Bottle cap': 0}))
    assert named.classes == TACO10
    expected = dict.fromkeys(TACO10, 1.0) | {'Pop tab': 4.0, 'Bottle cap': 0.0}
    assert named.weights == tuple(expected[name] for name in TACO10)


@pytest.mark.parametrize(
    ('scheme', 'scale', 'options', 'message'),
    [
        ('inverse', 'sum', {}, "no scheme 'inverse' .* inverse_density, sqrt_inverse, effective"),
        ('hard', 'max', {}, r"no scale 'max' .*'sum', 'mean', 'boxes', None"),
        ('hard', 'sum', {'frequnt': 1}, "hard has no option 'frequnt', did you mean 'frequent'?"),
        ('hard', 'sum', {'beta': 0.9}, "no option 'beta', it has frequent, frequent_weight"),
        ('sqrt_inverse', 'sum', {'beta': 0.9}, "sqrt_inverse has no option 'beta', it has none"),
        ('effective_number', 'sum', {'beta': 1}, r'beta must be in \[0, 1\), but is 1'),
        ('hard', 'sum', {'frequent': 1.5}, r'frequent of hard must be int, but is 1\.5'),
        ('hard', 'sum', {'frequent_weight': -1}, 'frequent_weight must be .*>= 0, but is -1'),
        (
            'effective_number',
            'sum',
            {'beta': '0.9'},
            "beta of effective_number must be float, but is '0.9'",
        ),
        (['hard'], 'sum', {}, r"no scheme \['hard'\]"),
        ('hard', 'sum', {'frequent': -1}, r'frequent must be in 0\.\.2, but is -1'),
        ('hard', 'mean', {'frequent_weight': 0}, "cannot be scaled by 'mean': their total is 0"),
    ],
)
def test_what_cannot_be_weighed_is_refused(scheme, scale, options, message):
    with pytest.raises(InputError, match=message):
        weigh_classes([3, 1], scheme, scale, **options)


def test_no_boxes_are_nothing_to_scale_by():
    for scale in SCALES:
        with pytest.raises(InputError, match=f"scaled by '{scale}': their total is 0"):
            weigh_classes([0, 0], 'inverse_density', scale)


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ([1.0, -0.5], r'finite numbers >= 0, but has -0\.5'),
        ([math.nan], 'finite numbers >= 0, but has nan'),
        ([1.0, '2'], "finite numbers >= 0, but has '2'"),
        ([True], 'finite numbers >= 0, but has True'),
        (3.0, r'must be a list or a mapping, but is 3\.0'),
        ({'taxonomy': 'taco1'}, 'class_weights lacks ann_file, scheme, scale'),
        ({'weights': {'Litter': 2}}, 'class_weights lacks taxonomy'),
        (from_file('train.json', taxonomy=...), 'class_weights lacks taxonomy'),
        (from_file('train.json', taxonomy='taco99'), "unknown taxonomy 'taco99'"),
        (from_file('train.json', weights={'Can': 2}), "class_weights has no option 'ann_file', it"),
        ({'taxonomy': 'taco1', 'weights': {'litter': 2}}, "names 'litter'; .* are 'Litter'"),
        ({'taxonomy': 'taco1', 'weights': [3]}, r'must be Mapping\[str, float\], but is \[3\]'),
        ({'taxonomy': 'taco1', 'weights': {'Litter': -2}}, 'finite numbers >= 0, but has -2'),
        (from_file('/nowhere/train.json'), r'/nowhere/train\.json: cannot be read'),
    ],
)
def test_what_is_no_class_weights_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        read_class_weights(given)


def test_a_file_of_other_classes_is_refused(write_coco):
    path = write_coco(OFFICIAL)
    with pytest.raises(InputError, match=r'train\.json: the categories do not fit .* taco10'):
        read_class_weights(from_file(path))
