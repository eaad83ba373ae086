import copy
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taco_plugin.coco import split_images, stratify
from taco_plugin.errors import InputError


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
def test_as_even_as_the_library(seed):
    iterstrat = pytest.importorskip('iterstrat.ml_stratifiers')
    rng, fractions = random.Random(seed), np.array([0.7, 0.1, 0.2])
    counts = [rng.randrange(4) for _ in range(600)]
    labels = [sorted({int(rng.expovariate(0.3)) % 20 for _ in range(count)}) for count in counts]
    matrix = np.array([[label in found for label in range(20)] for found in labels])
    library = iterstrat.IterativeStratification(matrix, fractions, np.random.RandomState(seed))

    def deviations(splits):
        shares = [matrix[np.array(splits) == index].sum(0) for index in range(3)]
        return np.abs(shares - np.outer(fractions, matrix.sum(0)))

    ours, theirs = deviations(stratify(labels, [420, 60, 120], seed)), deviations(library)
    # Where a class cannot be shared out evenly, chance decides by a fraction of an image.
    assert ours.mean() <= theirs.mean() + 0.05
    assert ours.max() <= max(theirs.max(), 2)


def test_images_without_boxes_are_shared_out_like_the_others():
    splits = split_images(make_file([[n % 3] for n in range(180)] + [[]] * 120), 0.2, 0.1, 0)
    with_boxes = [len({a['image_id'] for a in part['annotations']}) for part in splits.values()]
    assert with_boxes == [126, 18, 36]
    assert [len(part['images']) for part in splits.values()] == [210, 30, 60]


def test_only_the_seed_changes_a_split():
    code = (
        'from taco_plugin.coco import stratify\n'
        'labels = [["abc"[n % 3], (n % 7,)] for n in range(200)] + [["none"]] * 50\n'
        'print(*(stratify(labels, [200, 25, 25], seed) for seed in (3, 4)), sep="\\n")'
    )
    command, path = [sys.executable, '-c', code], ':'.join(sys.path)
    first, other = (
        subprocess.check_output(command, env={'PYTHONHASHSEED': seed, 'PYTHONPATH': path})
        for seed in ('0', '77')
    )
    assert first == other
    assert len({*first.splitlines()}) == 2


def test_given_test_images_are_the_test_split():
    names = [f'{n}.jpg' for n in range(0, 40, 5)]
    given_names = [f'./{names[0]}', *names[1:], 'gone.jpg']
    splits = split_images(make_file([[n % 4] for n in range(40)]), None, 0.2, 0, given_names)
    assert [image['file_name'] for image in splits['test']['images']] == names
    assert [len(splits[name]['images']) for name in ('val', 'train')] == [8, 24]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((1.0, 0.1, 0), r'test_fraction must be in \[0, 1\), not 1.0'),
        ((0.1, float('nan'), 0), r'val_fraction must be in \[0, 1\), not nan'),
        ((0.5, 0.5, 0), 'must add up to less than 1'),
        ((0.1, 0.1, 0, ['0.jpg']), 'give either a test_fraction or the file names'),
        ((None, 0.1, 0), 'give either a test_fraction or the file names'),
        ((0.45, 0.45, 0), '4 images leave none for training'),
        ((None, 0.5, 0, ['0.jpg', '1.jpg']), '4 images leave none for training: 2 are for test'),
    ],
)
def test_bad_fractions_and_one_photograph_twice(arguments, message):
    coco = make_file([[1]] * 4)
    with pytest.raises(InputError, match=message):
        split_images(coco, *arguments)
    coco['images'][2]['file_name'] = './3.jpg'
    with pytest.raises(InputError, match="two images have the file name '3.jpg'"):
        split_images(coco, 0, 0.1, 0)
