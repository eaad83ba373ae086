import os

import pytest
from PIL import Image

from taco_plugin.apps.yolo.import_ import import_yolo
from taco_plugin.coco import clean_annotations, read_coco
from taco_plugin.errors import InputError


@pytest.fixture
def yolo(tmp_path):
    """Two images of one split: a box and a polygon, and none."""
    root = tmp_path / 'yolo'
    exif = Image.Exif()
    exif[0x0112] = 8
    for name in ('b/2.jpg', 'a/1.JPG'):
        path = root / 'images/train' / name
        path.parent.mkdir(parents=True)
        Image.effect_noise((80, 100), 60).save(path, exif=exif)  # shown as 100 x 80
    label = root / 'labels/train/a/1.txt'
    label.parent.mkdir(parents=True)
    label.write_text('1 0.25 0.5 0.3 0.5\r\n\n0 0 0 0.5 0 0.5 1\r\n')
    describe(root, 'train: images/train\nnames: [Can, Cup]\n')
    return root


def describe(root, text):
    (root / 'data.yaml').write_text(text)


def convert(root, images=None):
    out = root.parent / 'coco'
    reports = import_yolo(str(root / 'data.yaml'), str(out), images)
    return reports, read_coco(out / 'annotations/train.json')


def test_reads_boxes_polygons_and_images_without_either(yolo):
    reports, coco = convert(yolo)
    assert coco['images'] == [
        {'id': 1, 'file_name': 'images/train/a/1.JPG', 'width': 100, 'height': 80},
        {'id': 2, 'file_name': 'images/train/b/2.jpg', 'width': 100, 'height': 80},
    ]
    assert [(c['id'], c['name']) for c in coco['categories']] == [(1, 'Can'), (2, 'Cup')]
    box, polygon = coco['annotations']
    assert (box['category_id'], box['bbox'], box['area']) == (2, [10, 20, 30, 40], 1200)
    assert (polygon['category_id'], polygon['bbox'], polygon['area']) == (1, [0, 0, 50, 80], 2000)
    assert polygon['segmentation'] == [[0, 0, 50, 0, 50, 80]]
    assert clean_annotations(coco)[1] == []
    assert reports['train'].objects == 2
    notes = {'segmentation_from_box': 1, 'no_label_file': 1}  # the other object has a polygon
    assert reports['train'].count_notes() == notes
    assert box['segmentation'] == [[10, 20, 40, 20, 40, 60, 10, 60]]


@pytest.mark.parametrize(
    'train',
    [
        '[images/train/a, images/train/b, images/train/b]',
        'list.txt',
        '../images/train',  # Roboflow's
    ],
)
def test_finds_images_in_folders_lists_and_lists_of_folders(yolo, train):
    (yolo / 'list.txt').write_text('./images/train/a/1.JPG\nimages/train/b/2.jpg\n')
    describe(yolo, f'train: {train}\nnames: {{0: Can, 1: Cup}}\n')
    _, coco = convert(yolo)
    assert [image['width'] for image in coco['images']] == [100, 100]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('train: images/train\nnames: [Can', r'data.yaml, line 2: broken YAML'),
        ('!!python/object/apply:os.system ["touch pwned"]', 'data.yaml, line 1: broken YAML'),
        ('train: images/train\nnames: []', "'names' must be a list of classes"),
        ('train: images/train\nnames: {1: Can}', 'class 0 must have a name of its own, not None'),
        ('train: images/train\nnames: [Can, no]', 'class 1 must have a name of its own, not False'),
        (
            'train: images/train\nnames: [Can, Can]',
            "class 1 must have a name of its own, not 'Can'",
        ),
        ('train: images/train\nnames: [Can]\nnc: 80', "'names' must be .* as many as 'nc' says"),
        ('names: [Can]', 'has none of train, val, test'),
        ('train: 7\nnames: [Can]', "'train' must name folders"),
        ('train: /etc\nnames: [Can]', 'no such folder or .txt file'),
        ('path: /\ntrain: etc\nnames: [Can]', 'lies outside of its folder'),
        ('path: none\ntrain: etc\nnames: [Can]', 'no such folder of images'),
        ('train: evil.txt\nnames: [Can]', r"evil.txt, line 2: '../../x.jpg' lies outside of"),
        (
            'a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b, *b]\ntrain: x',
            'class 0 must have a name of its own',
        ),
        ('[' * 5000, 'broken YAML .RecursionError'),
        ('train: 2001-99-99', 'broken YAML .ValueError'),
        ('train: "a\\0b"\nnames: [Can]', 'no such folder or .txt file'),
    ],
)
def test_a_hostile_data_yaml_is_refused_in_one_line(yolo, text, message, monkeypatch):
    monkeypatch.chdir(yolo)
    (yolo / 'evil.txt').write_text('images/train/a/1.JPG\n../../x.jpg\n')
    describe(yolo, text)
    with pytest.raises(InputError, match=message) as error:
        convert(yolo)
    assert '\n' not in str(error.value)
    assert not (yolo.parent / 'coco').exists()
    assert not (yolo / 'pwned').exists()


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        (b'0 0.5 0.5 0.1 0.1\n0 0.5 nan 0.1 0.1', r'a/1.txt, line 2: nan is not in'),
        (b'\xff\xd8\xff', r"a/1.txt: cannot be read .'utf-8' codec"),
        (None, 'a/1.txt: cannot be read .no such file'),  # a pipe, which could block
    ],
)
def test_a_broken_label_file_is_refused(yolo, data, message):
    path = yolo / 'labels/train/a/1.txt'
    path.unlink()
    os.mkfifo(path) if data is None else path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        convert(yolo)


def test_images_that_cannot_be_read_are_left_out_and_counted(yolo):
    (yolo / 'images/train/b/2.jpg').write_text('not a photograph')
    (yolo / 'images/train/b/device.jpg').symlink_to('/dev/zero')
    (yolo / 'images/train/b/notes.md').write_text('not looked at')
    (yolo / 'images/train/a/up').symlink_to(yolo / 'images')  # ends nevertheless
    reports, coco = convert(yolo)
    assert [image['file_name'] for image in coco['images']] == ['images/train/a/1.JPG']
    assert reports['train'].count_notes() == {'segmentation_from_box': 1, 'unreadable': 2}


def test_labels_without_an_image_and_images_of_two_splits_are_told(yolo):
    (yolo / 'labels/train/a/3.txt').write_text('0 0.5 0.5 0.1 0.1')
    (yolo / 'labels/train/a/classes.txt').write_text('Can')
    describe(yolo, 'train: images/train\nval: images/train/a\nnames: [Can, Cup]\n')
    reports, _ = convert(yolo)
    notes = {note.kind: note.file_name for split in reports.values() for note in split.notes}
    assert notes['no_image'] == 'labels/train/a/3.txt'
    assert notes['in_two_splits'] == 'images/train/a/1.JPG'
    assert reports['train'].count_notes()['no_image'] == 1
    assert 'no_image' not in reports['val'].count_notes()


def test_annotations_that_are_there_are_not_replaced(yolo):
    convert(yolo)
    with pytest.raises(InputError, match='train.json: is there'):
        convert(yolo)


@pytest.mark.parametrize('options', [[], ['--segments']])
def test_export_and_import_are_inverse_on_the_sample(small_taco, tmp_path, run_tool, options):
    tools, out, back = 'dataset_converters', tmp_path / 'yolo', tmp_path / 'back'
    args = (small_taco / 'annotations', '--images', small_taco, '--out', out, *options)
    exported = run_tool(f'{tools}/coco_to_yolo.py', *args)
    assert exported.returncode == 0, exported.stderr
    imported = run_tool(f'{tools}/yolo_to_coco.py', out / 'data.yaml', '--out', back)
    assert imported.returncode == 0, imported.stderr
    for split in ('train', 'val', 'test'):
        before = objects_of(read_coco(small_taco / f'annotations/{split}.json'), split)
        after = objects_of(read_coco(back / f'annotations/{split}.json'), split)
        assert before.keys() == after.keys()
        for name, boxes in before.items():
            assert [c for c, _ in boxes] == [c for c, _ in after[name]]
            for (_, old), (_, new) in zip(boxes, after[name], strict=True):
                assert old == pytest.approx(new, abs=1.1e-4)
    again = run_tool(f'{tools}/coco_to_yolo.py', *args)
    assert (again.returncode, again.stderr.count('\n')) == (1, 1)
    assert again.stderr.startswith('coco_to_yolo.py: error: ')


def objects_of(coco, split):
    names = {i['id']: i['file_name'].removeprefix(f'images/{split}/') for i in coco['images']}
    objects = {name: [] for name in names.values()}
    for annotation in coco['annotations']:
        pair = annotation['category_id'], annotation['bbox']
        objects[names[annotation['image_id']]].append(pair)
    return objects
