"""prepare_taco.py --max-side, as a user calls it; scaling itself is tested in test_coco."""

import json
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from taco_plugin.coco import read_coco, restore_originals

NAMES = ['batch_1/0.jpg', 'batch_2/0.JPG', 'batch_2/1.png', 'batch_2/2.jpg']
SIZES = [(403, 301), (301, 403), (500, 20), (60, 40)]
OPTIONS = '--taxonomy', 'taco1', '--test-fraction', 0, '--val-fraction', 0


@pytest.fixture
def taco(tmp_path):
    """The second photograph is turned by EXIF, the third no JPEG, the last small."""
    folder = tmp_path / 'taco'
    coco = {'images': [], 'annotations': [], 'categories': [{'id': 1, 'name': 'Drink can'}]}
    for number, (name, (width, height)) in enumerate(zip(NAMES, SIZES, strict=True)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
        image = Image.fromarray(np.stack([across, down, 0 * down], -1).astype(np.uint8))
        exif = Image.Exif()
        if number == 1:
            image, exif[0x0112] = image.transpose(Image.Transpose.ROTATE_90), 6
        image.save(folder / name, exif=exif, quality=95)
        coco['images'].append({'id': number, 'file_name': name, 'width': width, 'height': height})
        box = [width / 2, 0, width / 2, height]
        annotation = {'id': number + 1, 'image_id': number, 'category_id': 1, 'iscrowd': 0}
        coco['annotations'].append({**annotation, 'bbox': box, 'area': box[2] * box[3] / 2})
    (folder / 'annotations.json').write_text(json.dumps(coco))
    return folder


@pytest.fixture
def small(taco):
    return taco.parent / 'small'


@pytest.fixture
def arguments(taco, small):
    return taco / 'annotations.json', '--images', taco, *OPTIONS, '--out', small


def test_photographs_and_annotations_are_scaled(taco, small, arguments, succeeds):
    result = succeeds(*arguments, '--max-side', 100)
    coco = json.loads((small / 'annotations' / 'train.json').read_text())
    assert coco['info'] == {'image_folder': '..', 'original_image_folder': '../../taco'}
    images = {image['id']: image for image in coco['images']}
    names = ['batch_1/0.jpg', 'batch_2/0.JPG', 'batch_2/1.png.jpg', 'batch_2/2.jpg']
    sizes = [(100, 75), (75, 100), (100, 4), (60, 40)]
    for number, (name, (width, height)) in enumerate(zip(names, sizes, strict=True)):
        image = images[number]
        assert (image['file_name'], image['width'], image['height']) == (name, width, height)
        picture = cv2.imread(str(small / name))
        assert picture.shape == (height, width, 3)
        assert picture[0, -1, 2] > 200  # red grows to the right
        assert picture[-1, 0, 1] > 200  # green grows downwards
        (annotation,) = (a for a in coco['annotations'] if a['image_id'] == number)
        assert annotation['bbox'] == pytest.approx([width / 2, 0, width / 2, height])
        assert annotation['area'] == pytest.approx(width * height / 4)
    assert (small / names[3]).read_bytes() == (taco / NAMES[3]).read_bytes()
    report = json.loads((small / 'report.json').read_text())
    counts = {'max_side': 100, 'jpeg_quality': 95, 'scaled': 3, 'copied': 1}
    assert report['photographs'] == counts
    assert '3 photographs scaled, 1 smaller ones copied' in result.stdout
    assert not [*small.rglob('.*')]


def test_originals_are_what_is_written_without(taco, arguments, succeeds):
    fractions = '--test-fraction', 0.25, '--val-fraction', 0.25
    for out, options in (('plain', ()), ('scaled', ('--max-side', 100))):
        succeeds(*arguments, *fractions, '--out', taco.parent / out, *options)
    for split in ('train', 'val', 'test'):
        plain, scaled = (
            read_coco(taco.parent / out / 'annotations' / f'{split}.json')
            for out in ('plain', 'scaled')
        )
        assert scaled != plain
        assert restore_originals(scaled) == plain


def test_what_is_there_and_right_is_kept(taco, small, arguments, succeeds):
    succeeds(*arguments, '--max-side', 100)
    written = {path: path.stat().st_ino for path in small.rglob('*.[jJ][pP][gG]')}
    assert len(written) == 4
    (small / 'batch_2' / '2.jpg').write_bytes(b'cut short')
    Image.open(taco / NAMES[0]).transpose(Image.Transpose.ROTATE_180).save(taco / NAMES[0])
    os.utime(taco / NAMES[0], (1, 1))
    succeeds(*arguments, '--max-side', 100)
    changed = {path.name for path, inode in written.items() if path.stat().st_ino != inode}
    assert changed == {'0.jpg', '2.jpg'}
    assert cv2.imread(str(small / NAMES[0]))[0, 0, 2] > 240
    assert (small / NAMES[3]).read_bytes() == (taco / NAMES[3]).read_bytes()
    succeeds(*arguments, '--max-side', 50)
    assert cv2.imread(str(small / NAMES[0])).shape == (37, 50, 3)


@pytest.mark.parametrize('is_linked', [False, True])
def test_it_never_writes_over_the_photographs(taco, arguments, fails, is_linked):
    before = {path: path.read_bytes() for path in taco.rglob('*') if path.is_file()}
    out = taco
    if is_linked:
        out = taco.parent / 'linked'
        out.mkdir()
        (out / 'batch_2').symlink_to(taco / 'batch_2')
    fails('write over; give another', *arguments, '--out', out, '--max-side', 100)
    assert {path: path.read_bytes() for path in taco.rglob('*') if path.is_file()} == before
    assert not (out / 'batch_1' / '0.jpg').exists() or not is_linked


def test_photographs_of_others_are_not_replaced(taco, small, arguments, succeeds, fails):
    (small / 'batch_1').mkdir(parents=True)
    (small / NAMES[0]).write_bytes(b'of another')
    fails('that this command did not write', *arguments, '--max-side', 100)
    assert [path.read_bytes() for path in small.rglob('*.jpg')] == [b'of another']
    (small / NAMES[0]).unlink()
    succeeds(*arguments, '--max-side', 100)


def test_missing_photographs_are_passed_over(taco, small, arguments, succeeds, fails):
    for name in (NAMES[0], NAMES[2]):
        (taco / name).unlink()
    succeeds(*arguments, '--max-side', 100, '--allow-missing-images')
    report = json.loads((small / 'report.json').read_text())
    assert report['photographs']['scaled'] == report['photographs']['copied'] == 1
    assert report['images']['not_checked'] == [NAMES[0], NAMES[2]]
    without = arguments[0], '--out', small, '--allow-missing-images'
    fails('give the folder of the photographs with --images', *without, '--max-side', 100)
    fails('must be 1 or more, but is 0', *arguments, '--max-side', 0)
