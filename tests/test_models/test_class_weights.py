import json
import math
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taco_plugin.errors import InputError
from taco_plugin.models.losses import SCALES, SCHEMES, read_class_weights, weigh_classes
from taco_plugin.taxonomies import load_taxonomy

PUBLISHED = {
    'metals_and_plastic': (1520, '1.986193', '0.000997'),
    'non_recyclable': (848, '3.558304', '0.001785'),
    'unknown': (306, '9.840391', '0.004937'),
    'glass': (185, '16.241935', '0.008149'),
    'paper': (155, '19.365385', '0.009716'),
    'bio': (6, '431.571429', '0.216537'),
    'other': (1, '1510.500000', '0.757878'),
}
OFFICIAL = {
    'metals_and_plastic': 2403,
    'other': 2,
    'non_recyclable': 1351,
    'glass': 248,
    'paper': 255,
    'bio': 8,
    'unknown': 517,
}
TACO10 = load_taxonomy('taco10').classes
some_counts = st.lists(st.integers(0, 5000), min_size=2, max_size=12).filter(any)
some_scheme = st.sampled_from(list(SCHEMES))


def write_coco(path, counts):
    """A file with so many boxes of each category; returns its path."""
    labels = [label for label, count in enumerate(counts.values(), 1) for _ in range(count)]
    annotations = [
        {
            **{'id': n, 'image_id': 1, 'category_id': label, 'bbox': [n, 5, 8, 6]},
            **{'area': 48, 'iscrowd': 0},
        }
        for n, label in enumerate(labels, 1)
    ]
    categories = [{'id': n, 'name': name} for n, name in enumerate(counts, 1)]
    images = [{'id': 1, 'file_name': 'a.jpg', 'width': 400, 'height': 300}]
    path.write_text(
        json.dumps({'images': images, 'annotations': annotations, 'categories': categories})
    )
    return str(path)


def from_file(path, taxonomy='taco10', **changed):
    """Class weights of a file as a config states them; an entry changed to ... is left out."""
    given = dict(taxonomy=taxonomy, ann_file=path, scheme='inverse_density', scale=None)
    return {key: value for key, value in {**given, **changed}.items() if value is not ...}


def test_published_table():
    counts, *columns = zip(*PUBLISHED.values(), strict=True)
    for scale, column in zip([None, 'sum'], columns, strict=True):
        weights = weigh_classes(counts, 'inverse_density', scale)
        assert tuple(f'{weight:.6f}' for weight in weights) == column


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
def test_scaled_weights_have_the_mean_they_promise(counts, scheme):
    def weigh(scale):
        return weigh_classes(counts, scheme, scale)

    assert math.fsum(weigh('sum')) == pytest.approx(1)
    assert math.fsum(weigh('mean')) / len(counts) == pytest.approx(1)
    weighed = math.fsum(w * n for w, n in zip(weigh('boxes'), counts, strict=True))
    assert weighed / sum(counts) == pytest.approx(1)


@settings(deadline=None)
@given(some_counts, some_scheme, st.sampled_from(SCALES[:-1]))
def test_scaling_keeps_ratios(counts, scheme, scale):
    plain, scaled = (weigh_classes(counts, scheme, s) for s in (None, scale))
    assert [w / scaled[0] for w in scaled] == pytest.approx([w / plain[0] for w in plain])


@settings(deadline=None)
@given(some_counts, some_scheme, st.sampled_from(SCALES))
def test_a_more_frequent_class_never_weighs_more(counts, scheme, scale):
    weights = weigh_classes(counts, scheme, scale)
    assert min(weights) > 0
    for (n, weight), (m, other) in permutations(zip(counts, weights, strict=True), 2):
        assert n <= m or weight <= other


def test_from_a_prepared_file(tmp_path):
    counts = {name: n for n, name in enumerate(TACO10)}
    read = read_class_weights(from_file(write_coco(tmp_path / 'train.json', counts)))
    assert read.classes == TACO10
    assert read.weights == pytest.approx([45 / (n + 1) for n in range(10)])


def test_from_tacos_own_categories(tmp_path):
    counts = {'Food Can': 2, 'Cigarette': 4, 'Drink can': 1, 'Battery': 0, 'Paper cup': 3}
    path = write_coco(tmp_path / 'annotations.json', counts)
    read = read_class_weights(from_file(path))
    by_name = dict(zip(read.classes, read.weights, strict=True))
    expected = dict.fromkeys(TACO10, 10.0) | {'Can': 2.5, 'Cigarette': 2.0, 'Cup': 2.5}
    assert by_name == pytest.approx(expected)


def test_options_reach_the_scheme(tmp_path):
    path = write_coco(tmp_path / 'train.json', {name: n for n, name in enumerate(TACO10)})
    read = read_class_weights(
        from_file(path, scheme='hard', scale='sum', frequent=1, frequent_weight=0.0)
    )
    assert read.weights == pytest.approx([1 / 9] * 9 + [0])


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
        ('hard', 'sum', {'beta': 0.9}, 'hard has no option beta; it has frequent, frequent_weight'),
        ('sqrt_inverse', 'sum', {'beta': 0.9}, 'sqrt_inverse has no option beta; it has none'),
        ('effective_number', 'sum', {'beta': 1}, r'beta must be in \[0, 1\), but is 1'),
        ('effective_number', 'sum', {'beta': -0.1}, r'beta must be in \[0, 1\), but is -0.1'),
        ('hard', 'sum', {'frequent': 1.5}, r'frequent must be in 0\.\.2, but is 1\.5'),
        ('hard', 'sum', {'frequent_weight': -1}, 'frequent_weight must be .*>= 0, but is -1'),
        ('effective_number', 'sum', {'beta': '0.9'}, "beta must be a number, but is '0.9'"),
        (['hard'], 'sum', {}, r"no scheme \['hard'\]"),
        ('hard', 'sum', {'frequent': 3}, r'frequent must be in 0\.\.2, but is 3'),
        ('hard', 'sum', {'frequent': -1}, r'frequent must be in 0\.\.2, but is -1'),
        ('hard', 'mean', {'frequent_weight': 0}, "cannot be scaled by 'mean': their total is 0"),
    ],
)
def test_what_cannot_be_weighed_is_refused(scheme, scale, options, message):
    with pytest.raises(InputError, match=message):
        weigh_classes([3, 1], scheme, scale, **options)


@pytest.mark.parametrize('scale', SCALES[:-1])
def test_nothing_to_scale_by_is_refused(scale):
    with pytest.raises(InputError, match=f"scaled by '{scale}': their total is 0"):
        weigh_classes([0, 0], 'inverse_density', scale)


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ([1.0, -0.5], r'finite numbers >= 0, but has -0\.5'),
        ([math.nan], 'finite numbers >= 0, but has nan'),
        ([math.inf], 'finite numbers >= 0, but has inf'),
        ([1.0, '2'], "finite numbers >= 0, but has '2'"),
        ([1.0, None], 'finite numbers >= 0, but has None'),
        ([True, False], 'finite numbers >= 0, but has True'),
        ('hard', "must be a list or a mapping, but is 'hard'"),
        (3.0, r'must be a list or a mapping, but is 3\.0'),
        ({'taxonomy': 'taco1'}, 'lacks ann_file, scale, scheme: '),
        ({'weights': {'Litter': 2}}, 'lacks taxonomy: '),
        (from_file('train.json', scale=...), 'lacks scale: '),
        (from_file('train.json', taxonomy=...), 'lacks taxonomy: '),
        (from_file('train.json', taxonomy='taco99'), "unknown taxonomy 'taco99'"),
        (
            from_file('train.json', weights={'Can': 2}),
            'weights has no ann_file, scheme, scale',
        ),
        ({'taxonomy': 'taco1', 'weights': {'litter': 2}}, "names 'litter'; .* are 'Litter'"),
        ({'taxonomy': 'taco1', 'weights': [3]}, r'must map names to numbers, but are \[3\]'),
        ({'taxonomy': 'taco1', 'weights': {'Litter': -2}}, 'finite numbers >= 0, but has -2'),
        (from_file('/nowhere/train.json'), r'/nowhere/train\.json: cannot be read'),
    ],
)
def test_what_is_no_class_weights_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        read_class_weights(given)


def test_a_file_of_other_classes_is_refused(tmp_path):
    path = write_coco(tmp_path / 'train.json', OFFICIAL)
    with pytest.raises(InputError, match=r'train\.json: the categories do not fit .* taco10'):
        read_class_weights(from_file(path))
