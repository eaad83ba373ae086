import copy

import pytest
from PIL import Image

from taco_plugin.coco import check_file_names, check_images, drop_images, read_coco, select_images
from taco_plugin.errors import InputError


def save(path, size, orientation=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.effect_noise(size, 60).convert('RGB')
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    image.save(path, exif=exif)


def make_file(*names, width=64, height=48):
    images = [
        {'id': 10 + number, 'file_name': name, 'width': width, 'height': height}
        for number, name in enumerate(names)
    ]
    return {'images': images, 'annotations': [], 'categories': []}


def test_good_photographs_have_no_problem(tmp_path):
    save(tmp_path / 'a.jpg', (64, 48))
    save(tmp_path / 'b' / 'A.JPG', (64, 48), orientation=3)
    save(tmp_path / 'c.jpg', (48, 64), orientation=6)
    save(tmp_path / 'd.png', (64, 48))
    assert check_images(make_file('a.jpg', 'b/A.JPG', 'c.jpg', 'd.png'), tmp_path) == []


@pytest.mark.parametrize('orientation', [5, 6, 7, 8])
def test_size_is_that_of_the_rotated_photograph(tmp_path, orientation):
    save(tmp_path / 'a.jpg', (64, 48), orientation)
    (problem,) = check_images(make_file('a.jpg'), tmp_path)
    assert (problem.kind, problem.image_id, problem.file_name) == ('size_differs', 10, 'a.jpg')
    assert problem.detail == (
        '48x64 on disk, 64x48 in the file: swapped, as if one of them ignored the EXIF rotation'
    )


def test_another_size_is_no_rotation(tmp_path):
    save(tmp_path / 'a.jpg', (65, 48))
    (problem,) = check_images(make_file('a.jpg'), tmp_path)
    assert problem.detail == '65x48 on disk, 64x48 in the file'


def test_missing_and_damaged_photographs(tmp_path):
    save(tmp_path / 'cut.jpg', (64, 48))
    data = (tmp_path / 'cut.jpg').read_bytes()
    (tmp_path / 'cut.jpg').write_bytes(data[: len(data) * 9 // 10])
    save(tmp_path / 'cut.png', (64, 48))
    data = (tmp_path / 'cut.png').read_bytes()
    (tmp_path / 'cut.png').write_bytes(data[: len(data) // 2])
    (tmp_path / 'text.jpg').write_text('not a photograph')
    (tmp_path / 'empty.jpg').touch()
    (tmp_path / 'folder.jpg').mkdir()
    names = ['gone.jpg', 'cut.jpg', 'cut.png', 'text.jpg', 'empty.jpg', 'folder.jpg', 'a\0.jpg']
    problems = check_images(make_file(*names), tmp_path)
    assert [problem.file_name for problem in problems] == names
    assert [problem.kind for problem in problems] == ['missing'] + ['unreadable'] * 6
    assert 'truncated' in problems[1].detail


@pytest.mark.parametrize('factor', [1.5, 3])
def test_more_pixels_than_pillow_allows_are_unreadable(tmp_path, monkeypatch, factor):
    save(tmp_path / 'a.jpg', (64, 48))
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', int(64 * 48 / factor))
    (problem,) = check_images(make_file('a.jpg'), tmp_path)
    assert problem.kind == 'unreadable'
    assert 'exceeds limit' in problem.detail


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


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(InputError, match='gone: the image folder does not exist'):
        check_images(make_file('a.jpg'), tmp_path / 'gone')


def test_real_photographs(real_taco):
    subset = read_coco(real_taco / 'subset_annotations.json')
    assert check_images(subset, real_taco) == []
    official = read_coco(real_taco / 'annotations.json')
    problems = check_images(official, real_taco)
    kinds = [problem.kind for problem in problems]
    assert kinds.count('missing') == 1500 - 276
    assert kinds.count('size_differs') == len(kinds) - 1224
    assert {p.file_name[:8] for p in problems if p.kind == 'size_differs'} == {
        'batch_14',
        'batch_15',
    }


def test_dropping_images_takes_all_that_refers_to_them(coco):
    before = copy.deepcopy(coco)
    kept = drop_images(coco, [7, 99])
    assert coco == before
    assert [image['id'] for image in kept['images']] == [2]
    assert [annotation['id'] for annotation in kept['annotations']] == [5]
    assert kept['scene_annotations'] == [{'image_id': 2}]
    assert kept['info'] == coco['info']
    assert select_images(coco, [2]) == kept
    assert drop_images(coco, []) == coco
