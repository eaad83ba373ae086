import json
import os

import pytest
from PIL import Image

from taco_plugin.apps.yolo.import_ import ImportSettings, import_yolo
from taco_plugin.apps.yolo.notes import count_notes
from taco_plugin.coco import clean_annotations, read_coco
from taco_plugin.errors import InputError


@pytest.fixture
def yolo(tmp_path):
    """Two images of one split: a box and a polygon, and none."""
    root = tmp_path / 'yolo'
    for name in ('b/2.jpg', 'a/1.JPG'):
        path = root / 'images/train' / name
        path.parent.mkdir(parents=True)
        Image.effect_noise((100, 80), 60).save(path)
    label = root / 'labels/train/a/1.txt'
    label.parent.mkdir(parents=True)
    label.write_text('1 0.25 0.5 0.3 0.5\r\n\n0 0 0 0.5 0 0.5 1\r\n')
    describe(root, 'train: images/train\nnames: [Can, Cup]\n')
    return root


def describe(root, text):
    (root / 'data.yaml').write_text(text)


def convert(root, images=None):
    out = root.parent / 'coco'
    reports = import_yolo(ImportSettings(str(root / 'data.yaml'), images, str(out)))
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
    assert count_notes(reports['train'].notes) == {'no_label_file': 1}


def test_size_is_that_of_the_displayed_photograph(yolo):
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.effect_noise((80, 60), 60).save(yolo / 'images/train/a/1.JPG', exif=exif)
    _, coco = convert(yolo)
    assert (coco['images'][0]['width'], coco['images'][0]['height']) == (60, 80)
    assert coco['annotations'][0]['bbox'] == [6, 20, 18, 40]


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


def test_a_link_to_a_folder_above_ends(yolo):
    (yolo / 'images/train/a/up').symlink_to(yolo / 'images')
    _, coco = convert(yolo)
    assert len(coco['images']) == 2


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('train: images/train\nnames: [Can', r'data.yaml, line 2: broken YAML'),
        ('!!python/object/apply:os.system ["touch pwned"]', 'data.yaml, line 1: broken YAML'),
        ('train: images/train\nnames: []', "'names' must be a list of classes"),
        ('train: images/train\nnames: {1: Can}', 'must number the classes 0, 1, 2'),
        ('train: images/train\nnames: [Can, no]', 'class 1 must have a text as its name'),
        ('train: images/train\nnames: [Can, Can]', "two classes have the name 'Can'"),
        ('train: images/train\nnames: [Can]\nnc: 80', "'nc' is 80, 'names' has 1"),
        ('names: [Can]', 'has none of train, val, test'),
        ('train: 7\nnames: [Can]', "'train' must be a folder"),
        ('train: ../../etc\nnames: [Can]', 'no such folder or .txt file'),
        ('train: /etc\nnames: [Can]', 'no such folder or .txt file'),
        ('path: /\ntrain: etc\nnames: [Can]', 'lies outside of its folder'),
        ('path: ..\ntrain: etc\nnames: [Can]', 'lies outside of its folder'),
        ('path: none\ntrain: etc\nnames: [Can]', 'no such folder of images'),
        ('train: evil.txt\nnames: [Can]', r"evil.txt, line 2: '../../x.jpg' lies outside of"),
        ('train: data.yaml/x\nnames: [Can]', 'no such folder or .txt file'),
        ('a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b, *b]\ntrain: x', 'must have a text'),
        ('[' * 5000, 'not YAML'),
        ('- 1', 'expected key: value'),
        ('\0', 'YAML'),
        ('train: "a\\0b"\nnames: [Can]', "'train' must be a folder"),
        ('x' * 2**20 + 'x', 'larger than a data.yaml can be'),
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
        (b'0 0.5 0.5 0.1 0.1\n0 0.5 nan 0.1 0.1', r"a/1.txt', line 2: 'nan' is not in"),
        (b'\xff\xd8\xff', r"a/1.txt': not a label file"),
    ],
)
def test_a_broken_label_file_is_refused(yolo, data, message):
    (yolo / 'labels/train/a/1.txt').write_bytes(data)
    with pytest.raises(InputError, match=message):
        convert(yolo)


def test_a_pipe_in_place_of_a_label_file_does_not_block(yolo):
    (yolo / 'labels/train/a/1.txt').unlink()
    os.mkfifo(yolo / 'labels/train/a/1.txt')
    with pytest.raises(InputError, match='not a regular file'):
        convert(yolo)


def test_images_that_cannot_be_read_are_left_out_and_counted(yolo):
    (yolo / 'images/train/b/2.jpg').write_text('not a photograph')
    (yolo / 'images/train/b/notes.md').write_text('not looked at')
    reports, coco = convert(yolo)
    assert [image['file_name'] for image in coco['images']] == ['images/train/a/1.JPG']
    assert count_notes(reports['train'].notes) == {'unreadable': 1}


def test_annotations_that_are_there_are_not_replaced(yolo):
    convert(yolo)
    with pytest.raises(InputError, match='train.json: is there'):
        convert(yolo)


def test_export_and_import_are_inverse_on_the_sample(small_taco, tmp_path, run_tool):
    converters = 'dataset_converters'
    for options in ([], ['--segments']):
        out = tmp_path / f'yolo{len(options)}'
        annotations = small_taco / 'annotations'
        args = (annotations, '--images', small_taco, '--out', out, *options)
        exported = run_tool(f'{converters}/coco_to_yolo.py', *args)
        assert exported.returncode == 0, exported.stderr
        back = tmp_path / f'back{len(options)}'
        imported = run_tool(f'{converters}/yolo_to_coco.py', out / 'data.yaml', '--out', back)
        assert imported.returncode == 0, imported.stderr
        for split in ('train', 'val', 'test'):
            texts = [(root / f'annotations/{split}.json') for root in (small_taco, back)]
            before, after = (objects_of(json.loads(text.read_text()), split) for text in texts)
            assert before.keys() == after.keys()
            for name, boxes in before.items():
                assert [c for c, _ in boxes] == [c for c, _ in after[name]]
                for (_, old), (_, new) in zip(boxes, after[name], strict=True):
                    assert old == pytest.approx(new, abs=1.1e-4)
    again = run_tool(f'{converters}/coco_to_yolo.py', *args)
    assert again.returncode == 1
    assert again.stderr.startswith('coco_to_yolo.py: error: ')
    assert again.stderr.count('\n') == 1


def objects_of(coco, split):
    names = {
        image['id']: image['file_name'].removeprefix(f'images/{split}/') for image in coco['images']
    }
    objects = {name: [] for name in names.values()}
    for annotation in coco['annotations']:
        pair = annotation['category_id'], annotation['bbox']
        objects[names[annotation['image_id']]].append(pair)
    return objects
