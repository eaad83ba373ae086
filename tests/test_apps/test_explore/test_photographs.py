import sys
from itertools import combinations

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from taco_plugin.apps.explore import photographs as module
from taco_plugin.apps.explore.photographs import compare_photographs, find_pairs, hash_photograph
from taco_plugin.apps.explore.source import read_sources
from taco_plugin.errors import InputError


@pytest.fixture
def sources(coco, save):
    """A file of all three images, and one of the last two."""
    part = {**coco, 'images': coco['images'][1:], 'annotations': coco['annotations'][3:]}
    return read_sources([save('all', coco), save('part', part)], None)


def distance(a, b):
    return (hash_photograph(imagehash, a)[1] ^ hash_photograph(imagehash, b)[1]).bit_count()


def test_what_cannot_be_decoded_is_told_and_the_rest_is_hashed_once(sources, photographs):
    problems, report = compare_photographs(sources, str(photographs), 0)
    assert problems == [[], []]
    assert (report['hashed'], report['not_hashed'], report['pairs']) == (3, [], [])
    (photographs / 'a/1.jpg').unlink()
    (photographs / 'a/2.jpg').write_bytes((photographs / 'a/2.jpg').read_bytes()[:700])
    Image.new('RGB', (80, 100)).save(photographs / 'b/1.jpg')
    problems, report = compare_photographs(sources, str(photographs), 0)
    kinds = [[problem.kind for problem in of_file] for of_file in problems]
    assert kinds == [['missing', 'unreadable', 'size_differs'], ['unreadable', 'size_differs']]
    assert report['hashed'] == 1


def test_no_photographs_and_no_imagehash_are_refused(sources, tmp_path, monkeypatch):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(InputError, match=r"empty: not one of the 5 .* 'a/1.jpg', no such file"):
        compare_photographs(sources, f'{tmp_path}/empty', 0)
    with pytest.raises(InputError, match='none: the image folder does not exist'):
        compare_photographs(sources, f'{tmp_path}/none', 0)
    monkeypatch.setitem(sys.modules, 'imagehash', None)
    with pytest.raises(InputError, match=r'imagehash is not installed: .*\[explore\]'):
        compare_photographs(sources, str(tmp_path), 0)


def test_a_decoder_that_fails_later_costs_one_photograph(sources, photographs, monkeypatch):
    def turn(image):
        if image.width > 100:
            raise SyntaxError('broken')
        return image

    monkeypatch.setattr(module, 'turn_upright', turn)
    _, report = compare_photographs(sources, str(photographs), 0)
    assert (report['hashed'], report['not_hashed']) == (2, ['a/2.jpg'])


def test_the_hash_hardly_changes_with_size_compression_and_brightness(tmp_path, scene):
    original = scene(0, 1200, 900)
    original.save(tmp_path / 'original.png')
    exif = Image.Exif()
    exif[0x0112] = 6
    ImageOps.exif_transpose(original).rotate(90, expand=True).save(tmp_path / 'a.png', exif=exif)
    changed = {
        'small.jpg': original.resize((400, 300)),
        'stretched.png': original.resize((300, 300)),
        'bright.jpg': ImageEnhance.Brightness(original).enhance(1.2),
        'grey.png': original.convert('L'),
    }
    for name, image in changed.items():
        image.save(tmp_path / name)
    for name in ('a.png', *changed):  # the first is turned by its EXIF data
        assert distance(tmp_path / 'original.png', tmp_path / name) <= 4, name
    for seed in range(1, 20):
        scene(seed, 400, 300).save(tmp_path / 'other.png')
        assert distance(tmp_path / 'original.png', tmp_path / 'other.png') > 12


ROWS = st.tuples(st.integers(0, 40), st.integers(-1, 1), st.sampled_from([b'a', b'b']))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(ROWS, min_size=1),
    threshold=st.integers(0, 4),
    most=st.integers(1, 30),
    cells=st.sampled_from([1, 7, 10_000]),
)
def test_whatever_is_compared_at_once_all_pairs_are_counted(rows, threshold, most, cells):
    hashes, owners, digests = zip(*rows, strict=True)
    expected = []
    for first, second in combinations(range(len(rows)), 2):
        distance = (hashes[first] ^ hashes[second]).bit_count()
        if distance <= threshold:
            within = owners[first] == owners[second] != -1
            differ = digests[first] != digests[second]
            expected.append((within, distance, differ, first, second))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, '_CELLS_AT_ONCE', cells)
        patch.setattr(module, 'MOST_PAIRS', most)
        columns = np.array(hashes, np.uint64), np.array(owners)
        counts, pairs = find_pairs(*columns, digests, threshold=threshold)
    assert list(map(tuple, pairs.tolist())) == sorted(expected)[:most]
    within = sum(pair[0] for pair in expected)
    exact = sum(not pair[2] for pair in expected)
    across = len(expected) - within
    assert counts == {'across_files': across, 'within_files': within, 'exact': exact}
