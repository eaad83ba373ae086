import copy
import os

import pytest
from PIL import Image

from taco_plugin.coco import (
    check_file_names,
    check_images,
    select_images,
)
from taco_plugin.errors import InputError


def save(path, size, orientation=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.effect_noise(size, 60).convert('RGB')
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    image.save(path, exif=exif)


def make_file(*names):
    images = [
        {'id': 10 + number, 'file_name': name, 'width': 64, 'height': 48}
        for number, name in enumerate(names)
    ]
    return {'images': images, 'annotations': [], 'categories': []}


def test_good_photographs_have_no_problem(tmp_path):
    save(tmp_path / 'a.jpg', (64, 48))
    save(tmp_path / 'b' / 'A.JPG', (64, 48), orientation=3)
    save(tmp_path / 'c.jpg', (48, 64), orientation=6)
    save(tmp_path / 'd.png', (64, 48))
    data = (tmp_path / 'a.jpg').read_bytes()
    (tmp_path / 'e.jpg').write_bytes(data[:2] + b'\xff' * 3 + data[2:])  # fill bytes
    names = 'a.jpg', 'b/A.JPG', 'c.jpg', 'd.png', 'e.jpg'
    assert check_images(make_file(*names), tmp_path) == []


@pytest.mark.parametrize('orientation', [1, 5, 6, 7, 8])
def test_size_is_that_of_the_rotated_photograph(tmp_path, orientation):
    save(tmp_path / 'a.jpg', (65, 48) if orientation == 1 else (64, 48), orientation)
    (problem,) = check_images(make_file('a.jpg'), tmp_path)
    assert (problem.kind, problem.image_id, problem.file_name) == ('size_differs', 10, 'a.jpg')
    size = '65x48' if orientation == 1 else '48x64'
    assert problem.detail.startswith(f'{size} on disk, 64x48 in the file')
    assert problem.detail.endswith('ignored the EXIF rotation') == (orientation != 1)


def test_missing_and_damaged_photographs(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 64 * 48)
    save(tmp_path / 'large.jpg', (100, 80))
    for name in ('cut.jpg', 'cut.png'):
        save(tmp_path / name, (64, 48))
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) * 9 // 10])
    (tmp_path / 'text.jpg').write_text('not a photograph')
    (tmp_path / 'empty.jpg').touch()
    (tmp_path / 'folder.jpg').mkdir()
    names = ['gone.jpg', 'cut.jpg', 'cut.png', 'text.jpg', 'empty.jpg', 'folder.jpg', 'a\0.jpg']
    os.mkfifo(tmp_path / 'pipe.jpg')
    (tmp_path / 'device.jpg').symlink_to('/dev/zero')
    problems = check_images(make_file(*names, 'pipe.jpg', 'device.jpg', 'large.jpg'), tmp_path)
    assert [problem.kind for problem in problems] == ['missing'] + ['unreadable'] * 9
    assert 'exceeds limit' in problems[-1].detail
    assert 'truncated' in problems[1].detail


@pytest.mark.parametrize(
    'name', ['../a.jpg', '/a.jpg', 'b/../../a.jpg', 'C:\\a.jpg', 'C:a.jpg', '\\a.jpg', '..\\a.jpg']
)
def test_file_names_stay_in_the_folder(tmp_path, name):
    save(tmp_path / 'a.jpg', (64, 48))
    (tmp_path / 'images' / 'b').mkdir(parents=True)
    coco = make_file(name, 'b..c.jpg')
    assert [problem.file_name for problem in check_file_names(coco)] == [name]
    problems = check_images(coco, tmp_path / 'images')
    assert [problem.kind for problem in problems] == ['outside_folder', 'missing']
    with pytest.raises(InputError, match='gone: the image folder does not exist'):
        check_images(coco, tmp_path / 'gone')


def test_dropping_images_takes_all_that_refers_to_them(coco):
    before = copy.deepcopy(coco)
    kept = select_images(coco, [2, 99])
    assert coco == before
    assert [image['id'] for image in kept['images']] == [2]
    assert [annotation['id'] for annotation in kept['annotations']] == [5]
    assert kept['scene_annotations'] == [{'image_id': 2}]
    assert kept['info'] == coco['info']
    assert select_images(coco, [image['id'] for image in coco['images']]) == coco
