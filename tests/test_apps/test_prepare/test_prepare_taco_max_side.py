"""prepare_taco.py --max-side, as a user calls it, and the scaling of annotations."""

import json
import math
import os

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from taco_plugin.coco.clean import clip_box
from taco_plugin.coco.scale import shrink_images, shrunk_size
from taco_plugin.errors import InputError

TOOL = 'dataset_converters/prepare_taco.py'
NAMES = ['batch_1/0.jpg', 'batch_2/0.JPG', 'batch_2/1.png', 'batch_2/2.jpg']
SIZES = [(403, 301), (301, 403), (500, 20), (60, 40)]


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
        corners = [box[0], 0, width, 0, width, height]
        annotation = {'id': number + 1, 'image_id': number, 'category_id': 1, 'iscrowd': 0}
        annotation |= {'bbox': box, 'area': box[2] * box[3] / 2, 'segmentation': [corners]}
        coco['annotations'].append(annotation)
    save(folder, coco)
    return folder


def save(folder, coco):
    (folder / 'annotations.json').write_text(json.dumps(coco))


@pytest.fixture
def prepare(taco, run_tool):
    def call(*options, out=None):
        out = out or taco.parent / 'small'
        arguments = taco / 'annotations.json', '--images', taco, '--taxonomy', 'taco1'
        fractions = '--test-fraction', 0, '--val-fraction', 0
        return run_tool(TOOL, *arguments, '--out', out, *fractions, *options)

    return call


def test_photographs_and_annotations_are_scaled(taco, prepare):
    result = prepare('--max-side', 100)
    assert result.returncode == 0, result.stderr
    small = taco.parent / 'small'
    coco = json.loads((small / 'annotations' / 'train.json').read_text())
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
        assert annotation['segmentation'][0] == pytest.approx(
            [width / 2, 0, width, 0, width, height]
        )
        assert annotation['area'] == pytest.approx(width * height / 4)
    assert (small / names[3]).read_bytes() == (taco / NAMES[3]).read_bytes()
    assert (images[0]['original_width'], images[0]['original_height']) == (403, 301)
    report = json.loads((small / 'report.json').read_text())
    assert report['photographs'] == {
        **{'max_side': 100, 'jpeg_quality': 95},
        **{'scaled': 3, 'copied': 1},
    }
    assert '3 photographs scaled, 1 smaller ones copied' in result.stdout
    assert not [path for path in small.rglob('.*')]


def test_what_is_there_and_right_is_kept(taco, prepare):
    prepare('--max-side', 100)
    small = taco.parent / 'small'
    written = {path: path.stat().st_ino for path in small.rglob('*.[jJ][pP][gG]')}
    assert len(written) == 4
    (small / 'batch_2' / '2.jpg').write_bytes(b'cut short')
    Image.open(taco / NAMES[0]).transpose(Image.Transpose.ROTATE_180).save(taco / NAMES[0])
    os.utime(taco / NAMES[0], (1, 1))
    assert prepare('--max-side', 100).returncode == 0
    changed = {path.name for path, inode in written.items() if path.stat().st_ino != inode}
    assert changed == {'0.jpg', '2.jpg'}
    assert cv2.imread(str(small / NAMES[0]))[0, 0, 2] > 240
    assert (small / NAMES[3]).read_bytes() == (taco / NAMES[3]).read_bytes()
    assert prepare('--max-side', 50).returncode == 0
    assert cv2.imread(str(small / NAMES[0])).shape == (37, 50, 3)


def test_the_split_is_the_same_as_without(taco, run_tool):
    arguments = taco / 'annotations.json', '--images', taco, '--taxonomy', 'taco1'
    ids = []
    for options in ((), ('--max-side', 100)):
        out = taco.parent / f'out{len(options)}'
        fractions = '--test-fraction', 0.25, '--val-fraction', 0.25
        assert run_tool(TOOL, *arguments, '--out', out, *fractions, *options).returncode == 0
        files = [out / 'annotations' / f'{split}.json' for split in ('train', 'val', 'test')]
        ids.append([[i['id'] for i in json.loads(f.read_text())['images']] for f in files])
    assert ids[0] == ids[1]


@pytest.mark.parametrize('linked', [False, True])
def test_it_never_writes_over_the_photographs(taco, prepare, linked):
    before = {path: path.read_bytes() for path in taco.rglob('*') if path.is_file()}
    out = taco
    if linked:
        out = taco.parent / 'linked'
        out.mkdir()
        (out / 'batch_2').symlink_to(taco / 'batch_2')
    result = prepare('--max-side', 100, out=out)
    assert result.returncode == 1
    assert 'write over; give another' in result.stderr
    assert result.stderr.count('\n') == 1
    assert {path: path.read_bytes() for path in taco.rglob('*') if path.is_file()} == before
    assert not (out / 'batch_1' / '0.jpg').exists() or not linked


@pytest.mark.parametrize('side', [0, -5])
def test_a_side_without_pixels_is_refused(prepare, side):
    result = prepare('--max-side', side)
    assert result.returncode == 1
    assert f'max_side must be 1 px or more, not {side}' in result.stderr


def test_missing_photographs_are_passed_over(taco, prepare):
    for name in (NAMES[0], NAMES[2]):
        (taco / name).unlink()
    result = prepare('--max-side', 100, '--allow-missing-images')
    assert result.returncode == 0, result.stderr
    report = json.loads((taco.parent / 'small' / 'report.json').read_text())
    assert report['photographs']['scaled'] == report['photographs']['copied'] == 1
    assert report['images']['not_checked'] == [NAMES[0], NAMES[2]]


def test_names_that_would_collide_are_refused():
    image = {'width': 200, 'height': 100}
    images = [
        {**image, 'id': 1, 'file_name': 'a.png'},
        {**image, 'id': 2, 'file_name': 'a.png.jpg'},
    ]
    with pytest.raises(InputError, match=r"'a.png' and 'a.png.jpg' would both become 'a.png.jpg'"):
        shrink_images({'images': images, 'annotations': []}, 100)
    assert shrink_images({'images': images, 'annotations': []}, 200)['images'] == images


def test_a_run_length_mask_is_refused():
    coco = {
        'images': [{'id': 1, 'file_name': 'a.jpg', 'width': 200, 'height': 100}],
        'annotations': [
            {'id': 7, 'image_id': 1, 'bbox': [0, 0, 1, 1], 'segmentation': {'size': []}}
        ],
    }
    with pytest.raises(InputError, match='annotation 7 has a run-length mask'):
        shrink_images(coco, 100)
    assert shrink_images(coco, 200) == coco


SIDES = st.integers(1, 6000)


@given(SIDES, SIDES, SIDES, st.tuples(*[st.floats(0, 1)] * 4))
def test_boxes_stay_inside_and_in_their_place(width, height, max_side, place):
    x, w = sorted((place[0] * width, place[1] * width))
    y, h = sorted((place[2] * height, place[3] * height))
    w, h = w - x, h - y
    image = {'id': 1, 'file_name': 'a.jpg', 'width': width, 'height': height}
    box = {
        'image_id': 1,
        'bbox': [x, y, w, h],
        'area': w * h,
        'segmentation': [[x, y, x + w, y + h]],
    }
    coco = {'images': [image], 'annotations': [box]}
    small = shrink_images(coco, max_side)
    size = small['images'][0]['width'], small['images'][0]['height']
    assert size == shrunk_size(width, height, max_side)
    assert max(size) == min(max_side, max(width, height))
    scaled = small['annotations'][0]
    left, top, across, down = scaled['bbox']
    assert clip_box(scaled['bbox'], *size) in (scaled['bbox'], None)  # None of an empty one
    share = [left / size[0], top / size[1], across / size[0], down / size[1]]
    assert share == pytest.approx([x / width, y / height, w / width, h / height], abs=1e-9)
    factor = size[0] / width * size[1] / height
    assert math.isclose(scaled['area'], w * h * factor, rel_tol=1e-9)
    polygon = np.reshape(scaled['segmentation'][0], (-1, 2)) / size
    assert polygon == pytest.approx(np.reshape([x, y, x + w, y + h], (-1, 2)) / (width, height))
    assert shrink_images(small, max_side)['annotations'] == small['annotations']
