import copy
import json
import os
import shutil
from unittest.mock import Mock

import pytest
import yaml
from PIL import Image

from taco_plugin.apps.yolo import export as export_module
from taco_plugin.errors import InputError


@pytest.fixture
def data(tmp_path, coco):
    """Photographs of the fixture's two images, and its annotations as two splits."""
    root = tmp_path / 'data'
    for image in coco['images']:
        save(root, image['file_name'], (image['width'], image['height']))
    write(root, train=coco, val=coco)
    return root


def save(root, name, size, **options):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise(size, 60).save(root / name, **options)


def write(root, **splits):
    for split, coco in splits.items():
        (root / f'{split}.json').write_text(json.dumps(coco))


def export(root, segments=False, link='symlink', files=None):
    out = root.parent / 'out' / 'yolo'
    files = files or [str(root)]
    reports = export_module.export_yolo(files, str(root), str(out), link=link, segments=segments)
    return reports, out


def test_writes_what_trainers_read(data, coco):
    write(data, val={**coco, 'annotations': []})
    reports, out = export(data)
    assert yaml.safe_load((out / 'data.yaml').read_text()) == {
        'path': str(out),
        'train': 'images/train',
        'val': 'images/val',
        'names': {0: 'Drink can', 1: 'Cigarette'},
    }
    for name in ('train/a/1', 'train/b/1', 'val/a/1', 'val/b/1'):
        assert os.readlink(out / f'images/{name}.jpg') == str(data / f'{name[-3:]}.jpg')
    text = (out / 'labels/train/a/1.txt').read_text()
    assert text == '0 0.25 0.5 0.3 0.5\n1 0.25 0.5 0.3 0.5\n'
    assert (out / 'labels/train/b/1.txt').read_text() == '0 0.41666667 0.44444444 0.5 0.44444444\n'
    assert (out / 'labels/val/a/1.txt').read_bytes() == b''
    counts = [(r.images, r.images_without_objects, r.objects) for r in reports.values()]
    assert counts == [(2, 0, 3), (2, 2, 0)]
    assert reports['train'].count_notes() == {'polygons_left_out': 3}


def test_segments_lose_nothing_without_a_note(data, coco):
    first, second, third = coco['annotations']
    first['segmentation'].append([60, 20, 80, 20, 80, 60])
    first['bbox'] = [10, 20, 70, 40]
    second['segmentation'] = {'counts': [8000], 'size': [80, 100]}
    third['segmentation'] = [[10, 20, 90, 20, 90, 60]]
    crowd = {**copy.deepcopy(first), 'id': 9, 'iscrowd': 1}
    write(data, train={**coco, 'annotations': [first, second, third, crowd]})
    reports, out = export(data, segments=True, files=[str(data / 'train.json')])
    assert reports['train'].count_notes() == {
        'crowd': 1,
        'joined': 1,
        'polygon_clipped': 1,
        'box_as_polygon': 1,
    }
    lines = (out / 'labels/train/a/1.txt').read_text().splitlines()
    assert len(lines) == 2
    assert lines[1] == '1 0.1 0.25 0.4 0.25 0.4 0.75 0.1 0.75'
    listed = json.loads((out / 'report.json').read_text())['train']['notes']
    assert {note['kind']: note['annotation_id'] for note in listed}['crowd'] == 9


def test_a_polygon_far_outside_is_replaced_by_the_box(data, coco):
    coco['annotations'][0]['segmentation'] = [[10, 20, 10**300, 20, 40, 60]]
    write(data, train=coco)
    reports, out = export(data, segments=True, files=[str(data / 'train.json')])
    assert reports['train'].count_notes() == {'segmentation_from_box': 1}
    lines = (out / 'labels/train/a/1.txt').read_text().splitlines()
    assert lines[0] == '0 0.1 0.25 0.4 0.25 0.4 0.75 0.1 0.75'
    shutil.rmtree(out)
    coco['annotations'][0]['segmentation'][0][2] = 10**400
    write(data, train=coco)
    with pytest.raises(InputError, match=r"train.json: annotations\[0\]: 'segmentation' must be"):
        export(data, segments=True, files=[str(data / 'train.json')])


@pytest.mark.parametrize('link', ['hardlink', 'copy'])
def test_photographs_are_linked_or_copied_and_labelled_as_displayed(data, link):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(data, 'a/1.jpg', (80, 100), exif=exif)  # shown as 100 x 80
    save(data, 'b/1.jpg', (90, 60))  # as if someone had ignored its rotation
    reports, out = export(data, link=link)
    assert reports['train'].count_notes() == {'size_differs': 1, 'polygons_left_out': 2}
    assert (out / 'labels/train/a/1.txt').read_text().startswith('0 0.25 0.5 0.3 0.5\n')
    assert not (out / 'labels/train/b').exists()
    new, old = out / 'images/train/a/1.jpg', data / 'a/1.jpg'
    assert not new.is_symlink()
    assert new.read_bytes() == old.read_bytes()
    assert new.samefile(old) == (link == 'hardlink')


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('../../x.jpg', 'outside_folder'),
        ('C:\\x.jpg', 'outside_folder'),
        ('a/none.jpg', 'missing'),
        ('a/' + 'x' * 10_000 + '.jpg', 'unreadable'),
        ('a/\0.jpg', 'unreadable'),
        ('a/pipe.jpg', 'unreadable'),
        ('a/cut.jpg', 'unreadable'),
        ('a/1.gif', 'not_looked_for'),
        ('.a/1.jpg', 'not_looked_for'),
    ],
)
def test_hostile_and_useless_names_are_left_out(data, coco, name, kind):
    os.mkfifo(data / 'a/pipe.jpg')
    (data / 'a/cut.jpg').write_bytes((data / 'a/1.jpg').read_bytes()[:-100])
    if kind == 'not_looked_for':
        save(data, name, (100, 80))
    coco['images'][0]['file_name'] = name
    write(data, train=coco, val=coco)
    reports, out = export(data)
    assert reports['train'].count_notes()[kind] == 1
    assert reports['train'].images == 1
    written = [path for path in data.parent.rglob('*') if path.is_file()]
    assert all(path.is_relative_to(out) or path.is_relative_to(data) for path in written)


def test_odd_names_are_kept_and_cannot_become_yaml(data, coco):
    for image, name in zip(
        coco['images'], ['a/ü \n\t"é.jpg', 'images/x/images/1.jpg'], strict=True
    ):
        image['file_name'] = name
        save(data, name, (image['width'], image['height']))
    names = ["!!python/object/apply:os.system ['true']", 'no', '1', 'a: b\n- c', 'ü']
    coco['categories'] = [{'id': n, 'name': name} for n, name in enumerate(names)]
    write(data, train=coco, val=coco)
    _, out = export(data)
    assert (out / 'labels/train/a/ü \n\t"é.txt').is_file()
    assert (out / 'images/train/images/x/labels/1.txt').is_file()  # where trainers look for it
    read = yaml.safe_load((out / 'data.yaml').read_text())
    assert list(read['names'].values()) == names


def test_two_images_with_one_label_file_are_refused_and_nothing_is_left(data, coco):
    coco['images'][1].update(file_name='a/1.png', width=100, height=80)
    save(data, 'a/1.png', (100, 80))
    write(data, train=coco)
    with pytest.raises(InputError, match=r"'a/1.png': another image .* rename one"):
        export(data)
    assert not (data.parent / 'out').exists()


def test_refuses_what_it_cannot_use(data, coco, tmp_path):
    for files in ([data / 'other.json'], [data / 'train.json'] * 2, [tmp_path]):
        with pytest.raises(InputError, match='give train.json, val.json and test.json, each once'):
            export(data, files=[str(file) for file in files])
    write(data, val={**coco, 'categories': coco['categories'][::-1]})
    with pytest.raises(InputError, match='val.json: .*has other categories than'):
        export(data)
    write(data, val=coco)
    _, out = export(data)
    with pytest.raises(InputError, match='is there and not empty'):
        export(data)
    shutil.rmtree(out.parent)
    for image in coco['images']:
        (data / image['file_name']).unlink()
    with pytest.raises(InputError, match='none of the photographs can be used; the first'):
        export(data)
    assert not out.parent.exists()


@pytest.mark.parametrize('is_there', [False, True])
def test_an_interrupted_export_leaves_nothing(data, monkeypatch, is_there):
    if is_there:
        (data.parent / 'out/yolo').mkdir(parents=True)
    monkeypatch.setattr(export_module.os, 'symlink', Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        export(data)
    assert [*(data.parent / 'out').rglob('*')] == [data.parent / 'out/yolo'] * is_there
    monkeypatch.undo()
    _, out = export(data)
    assert {path.name for path in out.iterdir()} == {'data.yaml', 'images', 'labels', 'report.json'}
    assert [*out.parent.iterdir()] == [out]
