import copy
import random
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taco_plugin.coco import load_for_taxonomy, split_images, stratify
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy


def make_file(labels):
    return {
        'images': [{'id': 5 * n, 'file_name': f'{n}.jpg'} for n in range(len(labels))],
        'annotations': [
            {'id': 100 * n + label, 'image_id': 5 * n, 'category_id': label}
            for n, found in enumerate(labels)
            for label in found
        ],
        'categories': [{'id': label, 'name': str(label)} for label in range(9)],
        'scene_annotations': [{'image_id': 5 * n} for n in range(len(labels))],
    }


def deviations(labels, splits, fractions):
    """How many samples of each label each split has more or less than its share."""
    matrix = np.array([[label in found for label in range(60)] for found in labels])
    total = matrix.sum(0)
    return np.array(
        [
            np.abs(matrix[np.array(splits) == index].sum(0) - fraction * total)[total > 0]
            for index, fraction in enumerate(fractions)
        ]
    )


def library_split(labels, fractions, seed):
    iterstrat = pytest.importorskip('iterstrat.ml_stratifiers')
    matrix = np.array([[label in found for label in range(60)] for found in labels])
    used = matrix[:, matrix.any(0)]
    state = np.random.RandomState(seed)
    return iterstrat.IterativeStratification(used, np.array(fractions), state)


def sizes_of(count, fractions):
    rest = [round(count * fraction) for fraction in fractions[1:]]
    return [count - sum(rest), *rest]


@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sets(st.integers(0, 8)), min_size=3, max_size=40),
    st.sampled_from([0, 0.1, 0.3]),
    st.sampled_from([0, 0.1, 0.5]),
    st.integers(0, 5),
)
def test_every_image_is_in_one_split_with_all_that_refers_to_it(labels, test, val, seed):
    coco = make_file(labels)
    before = copy.deepcopy(coco)
    splits = split_images(coco, test, val, seed)
    assert coco == before
    assert list(splits) == ['train', 'val', 'test']
    for section in ('images', 'annotations', 'scene_annotations'):
        entries = [entry for part in splits.values() for entry in part[section]]
        assert len(entries) == len(coco[section])
        assert all(entry in entries for entry in coco[section])
    for part, fraction in zip(splits.values(), (1, val, test), strict=True):
        ids = [image['id'] for image in part['images']]
        assert bool(ids) == bool(fraction)
        assert ids == sorted(ids)
        assert {entry['image_id'] for entry in part['annotations']} <= set(ids)
        assert part['categories'] == coco['categories']


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('taxonomy', ['detectwaste7', 'taco60', 'taco10'])
def test_as_even_as_the_library_on_the_official_file(real_taco, taxonomy, seed):
    coco, _ = load_for_taxonomy(real_taco / 'annotations.json', load_taxonomy(taxonomy))
    found = {image['id']: set() for image in coco['images']}
    for annotation in coco['annotations']:
        found[annotation['image_id']].add(annotation['category_id'] % 60)
    labels = [sorted(classes) for classes in found.values()]
    fractions = [0.8, 0.1, 0.1]
    ours = stratify(labels, sizes_of(1500, fractions), seed)
    expected = deviations(labels, library_split(labels, fractions, seed), fractions)
    deviation = deviations(labels, ours, fractions)
    # Where a class cannot be shared out evenly, chance decides by a fraction of an image.
    assert deviation.mean() <= expected.mean() + 0.02
    assert deviation.max() <= max(expected.max(), 1.5)
    for index, size in enumerate(sizes_of(1500, fractions)):
        assert abs(ours.count(index) - size) <= 15


@pytest.mark.parametrize('seed', range(5))
def test_as_even_as_the_library_on_random_labels(seed):
    rng = random.Random(seed)
    labels = [
        sorted({int(rng.expovariate(0.3)) % 20 for _ in range(rng.randrange(4))})
        for _ in range(600)
    ]
    fractions = [0.7, 0.1, 0.2]
    ours = deviations(labels, stratify(labels, sizes_of(600, fractions), seed), fractions)
    library = deviations(labels, library_split(labels, fractions, seed), fractions)
    assert ours.mean() <= library.mean() + 0.05
    assert ours.max() <= max(library.max(), 2)


def test_images_without_boxes_are_shared_out_like_the_others():
    coco = make_file([[n % 3] for n in range(180)] + [[] for _ in range(120)])
    splits = split_images(coco, 0.2, 0.1, 0)
    empty = {
        name: len(part['images']) - len({a['image_id'] for a in part['annotations']})
        for name, part in splits.items()
    }
    assert empty == {'train': 84, 'val': 12, 'test': 24}
    assert [len(part['images']) for part in splits.values()] == [210, 30, 60]


def test_same_seed_same_split_whatever_the_hash_seed():
    code = (
        'from taco_plugin.coco import stratify\n'
        'labels = [[n % 5, "abc"[n % 3], (n % 7,)] for n in range(200)] + [["none"]] * 50\n'
        'print(stratify(labels, [200, 25, 25], 3))'
    )
    outputs = {
        subprocess.run(
            [sys.executable, '-c', code],
            env={'PYTHONHASHSEED': seed, 'PYTHONPATH': ':'.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ('0', '1', '77')
    }
    assert len(outputs) == 1


def test_another_seed_gives_another_split():
    labels = [[n % 3] for n in range(60)]
    assert stratify(labels, [30, 30], 0) == stratify(labels, [30, 30], 0)
    assert stratify(labels, [30, 30], 0) != stratify(labels, [30, 30], 1)


def test_given_test_images_are_the_test_split():
    coco = make_file([[n % 4] for n in range(40)])
    names = [f'{n}.jpg' for n in range(0, 40, 5)]
    splits = split_images(coco, None, 0.2, 0, [f'./{names[0]}', *names[1:], 'gone.jpg'])
    assert [image['file_name'] for image in splits['test']['images']] == names
    assert len(splits['val']['images']) == 8
    assert len(splits['train']['images']) == 24


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((1.0, 0.1, 0), r'test_fraction must be in \[0, 1\), not 1.0'),
        ((-0.1, 0.1, 0), r'test_fraction must be in \[0, 1\), not -0.1'),
        ((0.1, float('nan'), 0), r'val_fraction must be in \[0, 1\), not nan'),
        ((0.5, 0.5, 0), 'must add up to less than 1'),
        ((0.1, 0.1, 0, ['0.jpg']), 'give either a test_fraction or the file names'),
        ((None, 0.1, 0), 'give either a test_fraction or the file names'),
        ((None, 0.5, 0, ['0.jpg', '1.jpg']), '4 images leave none for training: 2 are for test'),
    ],
)
def test_bad_fractions(arguments, message):
    with pytest.raises(InputError, match=message):
        split_images(make_file([[1]] * 4), *arguments)


def test_too_few_images_and_one_photograph_twice():
    with pytest.raises(InputError, match='2 images leave none for training'):
        split_images(make_file([[1]] * 2), 0.1, 0.1, 0)
    coco = make_file([[1]] * 9)
    coco['images'][3]['file_name'] = './4.jpg'
    with pytest.raises(InputError, match="two images have the file name '4.jpg'"):
        split_images(coco, 0.1, 0.1, 0)


def test_time_grows_with_the_number_of_images():
    def seconds(count):
        labels = [sorted({n % 60, n * n % 60, n % 7}) for n in range(count)]
        start = time.process_time()
        stratify(labels, sizes_of(count, [0.8, 0.1, 0.1]), 0)
        return time.process_time() - start

    seconds(100)
    assert seconds(40_000) < 8 * min(seconds(10_000) for _ in range(3))
