import os

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from taco_plugin.apps.explore.photographs import (
    find_shared_names,
    hash_photograph,
    read_photographs,
)
from taco_plugin.apps.explore.source import read_sources
from taco_plugin.errors import InputError


@pytest.fixture
def sources(tmp_path, coco, save):
    """A file of all three images, and one of the last two."""
    part = {**coco, 'images': coco['images'][1:], 'annotations': coco['annotations'][3:]}
    paths = save(tmp_path / 'all.json', coco), save(tmp_path / 'part.json', part)
    return read_sources(paths, None)


def distance(a, b):
    return (hash_photograph(a)[1] ^ hash_photograph(b)[1]).bit_count()


def test_a_photograph_is_hashed_once_however_many_files_name_it(sources, photographs):
    found = read_photographs(sources, photographs)
    assert found.names == ['a/1.jpg', 'a/2.jpg', 'b/1.jpg']
    assert found.files.tolist() == [[True, False], [True, True], [True, True]]
    assert found.problems == [[], []]
    assert found.not_hashed == []
    for name, digest, bits in zip(found.names, found.digests, found.hashes.tolist(), strict=True):
        assert (digest, bits) == hash_photograph(photographs / name)


def test_what_cannot_be_decoded_is_told_and_the_rest_is_hashed(sources, photographs):
    (photographs / 'a/1.jpg').unlink()
    (photographs / 'a/2.jpg').write_bytes((photographs / 'a/2.jpg').read_bytes()[:700])
    Image.new('RGB', (80, 100)).save(photographs / 'b/1.jpg')
    found = read_photographs(sources, photographs)
    kinds = [[problem.kind for problem in problems] for problems in found.problems]
    assert kinds == [['missing', 'unreadable', 'size_differs'], ['unreadable', 'size_differs']]
    assert found.names == ['b/1.jpg']


def test_a_folder_without_any_of_the_photographs_is_refused(sources, tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(InputError, match=r"empty: not one of the 5 .* 'a/1.jpg', no such file"):
        read_photographs(sources, tmp_path / 'empty')
    with pytest.raises(InputError, match='none: the image folder does not exist'):
        read_photographs(sources, tmp_path / 'none')


def test_the_hash_hardly_changes_with_size_compression_and_brightness(tmp_path, scene):
    original = scene(0, 1200, 900)
    original.save(tmp_path / 'original.png')
    changed = {
        'small.jpg': original.resize((400, 300)),
        'stretched.png': original.resize((300, 300)),
        'bright.jpg': ImageEnhance.Brightness(original).enhance(1.2),
        'grey.png': original.convert('L'),
    }
    for name, image in changed.items():
        image.save(tmp_path / name)
        assert distance(tmp_path / 'original.png', tmp_path / name) <= 4, name
    for seed in range(1, 20):
        scene(seed, 400, 300).save(tmp_path / 'other.png')
        assert distance(tmp_path / 'original.png', tmp_path / 'other.png') > 12


@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_photograph_is_hashed_as_it_is_displayed(tmp_path, scene, orientation):
    from PIL import ImageOps

    stored = scene(0, 320, 240)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / 'turned.png', exif=exif)
    with Image.open(tmp_path / 'turned.png') as image:
        ImageOps.exif_transpose(image).save(tmp_path / 'upright.png', exif=Image.Exif())
    assert distance(tmp_path / 'turned.png', tmp_path / 'upright.png') == 0


def test_a_decoder_that_fails_later_costs_one_photograph(sources, photographs, monkeypatch):
    def hash_most(path):
        if path.name == '2.jpg':
            raise SyntaxError('broken')
        return os.urandom(32), 7

    monkeypatch.setattr('taco_plugin.apps.explore.photographs.hash_photograph', hash_most)
    found = read_photographs(sources, photographs)
    assert (found.names, found.not_hashed) == (['a/1.jpg', 'b/1.jpg'], ['a/2.jpg'])
    assert found.files.tolist() == [[True, False], [True, True]]
    assert found.hashes.dtype == np.uint64


def test_file_names_that_several_files_have(sources):
    assert find_shared_names(sources) == [(0, 1, ['a/2.jpg', 'b/1.jpg'])]
    assert find_shared_names(sources[:1]) == []
