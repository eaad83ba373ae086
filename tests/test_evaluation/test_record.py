import os

import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation.coco_scores import score_results
from taco_plugin.evaluation.curves import ScoreCurves
from taco_plugin.evaluation.record import (
    format_record,
    identify,
    make_curves,
    make_figures,
    make_record,
    read_record,
    write_record,
)
from taco_plugin.evaluation.summaries import ScoreSettings

# Cans of 20 and 40 px, the large one found; a crowd of cups; no straw, but one is found.
TRUE = [
    {'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 20, 20], 'area': 400, 'iscrowd': 0},
    {'image_id': 1, 'category_id': 1, 'bbox': [50, 0, 40, 40], 'area': 1600, 'iscrowd': 0},
    {'image_id': 2, 'category_id': 2, 'bbox': [0, 0, 20, 20], 'area': 400, 'iscrowd': 1},
]
FOUND = [
    {'image_id': 1, 'category_id': 1, 'bbox': [50, 0, 40, 40], 'score': 0.9},
    {'image_id': 2, 'category_id': 3, 'bbox': [0, 0, 20, 20], 'score': -0.5},
]
CLASSES = ['Can', 'Cup', 'Straw']
TRUTH = {
    'images': [{'id': 1}, {'id': 2}, {'id': 3}],
    'categories': [{'id': number, 'name': name} for number, name in enumerate(CLASSES, start=1)],
    'annotations': TRUE,
}
META = {'classes': tuple(CLASSES), 'taxonomy': 'three', 'ann_file': 'val.json'}


def make(meta=META, factors=None, iou_types=('bbox',)):
    labels = {1: 0, 2: 1, 3: 2}
    settings = ScoreSettings()
    boxes = Boxes.from_coco(TRUTH, labels), Boxes.from_results(FOUND, labels)
    every = settings.every_iou, settings.every_top
    scores = score_results(TRUTH, FOUND, 'bbox', *every, factors)
    figures = dict.fromkeys(iou_types, make_figures(*scores, settings))
    return make_record(meta, TRUTH, boxes, settings, factors, figures)


def test_a_record_worked_by_hand():
    record = make(factors={1: 0.25, 2: 1.0, 3: 1.0})
    assert [record[key] for key in ('classes', 'taxonomy', 'ann_file', 'images')] == [
        *(CLASSES, 'three', 'val.json', 3)
    ]
    assert record['settings']['study_iou'] == [0.25, 0.5, 0.75]
    assert record['boxes'] == {
        'truth': 2,
        'crowds': 1,
        'found': 2,
        'truth_per_class': [2, 0, 0],
        'found_per_class': [1, 0, 1],
        'truth_per_size': {
            'native': {'small': 1, 'medium': 1, 'large': 0},
            'input': {'small': 2, 'medium': 0, 'large': 0},
        },
    }
    figures = record['figures']['bbox']
    half = 51 / 101  # precision 1 up to recall 1/2
    assert figures['per_class'] == {
        'AP': [pytest.approx(half), -1, -1],
        'AP50': [pytest.approx(half), -1, -1],
        'AR100': [0.5, -1, -1],
    }
    assert [figures['coco'][f'mAP_{size}'] for size in 'sml'] == [0, 1, -1]
    assert figures['per_size_at_input'] == {'small': pytest.approx(half), 'medium': -1, 'large': -1}
    assert figures['study']['map_per_class'] == [pytest.approx(half), -1, -1]
    assert figures['study']['classes'] == [0, 1, 2]


def test_what_is_not_known_is_null():
    record = make(meta={'classes': CLASSES})
    assert record['taxonomy'] is record['ann_file'] is None
    assert record['boxes']['truth_per_size']['input'] is None
    assert record['figures']['bbox']['per_size_at_input'] is None


def test_the_table():
    assert format_record(make()).splitlines() == [
        '',
        'class  boxes     AP   AP50  AR100',
        'Can        2  0.505  0.505  0.500',
        'Cup        0      -      -      -',
        'Straw      0      -      -      -',
        'bbox: mAP 0.505, mAP_50 0.505, mAP_75 0.505, '
        'study map 0.505, study map_50 0.505, study map_75 0.505 (3 images, 2 boxes, 2 detections)',
    ]
    header = format_record(make(iou_types=('bbox', 'segm'))).splitlines()[1].split('  ')
    assert [name for name in header if name][2:] == [
        *('bbox AP', 'bbox AP50', 'bbox AR100', 'segm AP', 'segm AP50', 'segm AR100')
    ]


def test_what_was_written_is_read(tmp_path):
    record, path = make(), tmp_path / 'new' / 'record.json'
    write_record(record, path)
    assert read_record(path) == record
    assert os.listdir(path.parent) == ['record.json']


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / 'record.json'
    write_record(make(), path)
    with pytest.raises(InputError, match=r'no NaN: figures\.bbox is nan'):
        write_record({**make(), 'figures': {'bbox': np.nan}}, path)
    assert read_record(path)['images'] == 3
    with pytest.raises(InputError, match='folder'):
        write_record(make(), tmp_path)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"schema_version": 1,', 'not a record of an evaluation: broken JSON'),
        ('[]', 'not a record of an evaluation: it has no schema_version'),
        ('{"images": []}', 'not a record of an evaluation: it has no schema_version'),
        ('{"schema_version": 1}', 'its schema_version is 1, but must be 2; evaluate again'),
        ('{"schema_version": 2, "images": 3}', 'it has no ann_file, boxes, classes, curves, f'),
        (b'\xff\xfe', 'not a record of an evaluation: broken JSON'),
    ],
)
def test_something_else_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / 'record.json'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as error:
        read_record(path)
    assert str(error.value).startswith(f'{path}: ')
    assert '\n' not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r'none\.json: cannot be read \(No such file'):
        read_record(tmp_path / 'none.json')


def test_ground_truth_is_known_again_whatever_its_ids_and_order():
    images = [{'id': n, 'file_name': f'{n}.jpg', 'width': 100, 'height': 50} for n in (1, 2)]
    image, label = np.array([1, 1, 2]), np.array([0, 1, 0])
    xyxy = np.array([[0, 0, 5, 5], [2, 2, 9, 9], [1.004, 1, 3, 3]])
    crowd = np.array([False, False, True])

    def of(images, rows=(0, 1, 2), image=image, label=label, xyxy=xyxy, crowd=crowd):
        rows = list(rows)
        boxes = Boxes(image[rows], label[rows], xyxy[rows], np.ones(len(rows)), crowd[rows])
        return identify({'images': images}, boxes)

    whole = of(images)
    assert len(whole) == 64
    other_ids = [{**images[1], 'id': 7}, {**images[0], 'id': 9}]
    assert of(other_ids, rows=(2, 1, 0), image=np.array([9, 9, 7])) == whole
    assert of(images, xyxy=xyxy.round(2)) == whole
    others = [
        of(images, rows=(0, 1)),
        of(images, label=1 - label),
        of(images, image=np.array([1, 2, 1])),
        of(images, xyxy=xyxy + 0.01),
        of(images, crowd=~crowd),
        of([images[0] | {'file_name': 'x.jpg'}, images[1]]),
        of([images[0] | {'height': 51}, images[1]]),
        of([*images, images[0] | {'id': 3}]),
    ]
    assert len({whole, *others}) == 9


def test_curves_are_means_over_the_classes_with_ground_truth():
    nothing = np.full((1, 1001), np.nan)
    f1 = np.concatenate([np.linspace(0, 1, 1001)[None], np.ones((1, 1001)) / 2, nothing])
    curves = ScoreCurves(np.linspace(0, 1, 1001), f1, f1, f1)
    precision = np.stack([np.ones(101), np.zeros(101), np.full(101, np.nan)])
    made = make_curves(curves, precision)
    assert made['precision'] == [0.5] * 101
    assert made['recall'] == made['threshold'] == (np.arange(101) / 100).tolist()
    assert made['f1'][::50] == [0.25, 0.5, 0.75]
    assert (made['best_threshold'], made['best_f1']) == (1.0, 0.75)
    none = ScoreCurves(np.linspace(0, 1, 1001), *[np.repeat(nothing, 2, axis=0)] * 3)
    assert make_curves(none, precision[2:]) is None


@pytest.mark.parametrize(
    ('section', 'content'),
    [
        ('figures', {'bbox': {}}),
        ('figures', []),
        ('classes', ['Can']),
        ('boxes', {'truth': 3}),
        ('boxes', None),
    ],
)
def test_a_record_that_is_not_whole_inside_is_refused(tmp_path, section, content):
    write_record(make() | {section: content}, tmp_path / 'test.json')
    with pytest.raises(InputError, match=r'test\.json: not a record of an evaluation \('):
        read_record(tmp_path / 'test.json')
