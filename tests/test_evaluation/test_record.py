import json
import os
from dataclasses import asdict, replace

import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation.coco_scores import score_results
from taco_plugin.evaluation.counts import compare_counts
from taco_plugin.evaluation.curves import MeanCurves, ScoreCurves, mean_curves
from taco_plugin.evaluation.metrics import ClassMetrics, ScoreSettings, SizeMetrics, make_metrics
from taco_plugin.evaluation.record import (
    BoxCounts,
    EvaluatedRun,
    SizeCounts,
    TruthSizes,
    identify,
    make_record,
    read_record,
    write_record,
)
from taco_plugin.evaluation.record_table import format_record

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
CLASSES = ('Can', 'Cup', 'Straw')
TRUTH = {
    'images': [{'id': 1}, {'id': 2}, {'id': 3}],
    'categories': [{'id': number, 'name': name} for number, name in enumerate(CLASSES, start=1)],
    'annotations': TRUE,
}
CURVES = MeanCurves((0.0, 1.0), (1.0, 0.5), (0.0, 1.0), (0.5, 0.0), 0.25, 0.5)
ERRORS = compare_counts(np.array([[2, 0, 0], [0] * 3, [0] * 3]), np.array([[1, 0, 0]] * 3))
META = {'classes': CLASSES, 'taxonomy': 'three', 'ann_file': 'val.json'}


def make(meta=META, factors=None, iou_types=('bbox',)):
    labels = {1: 0, 2: 1, 3: 2}
    settings = ScoreSettings()
    scores = score_results(TRUTH, FOUND, 'bbox', area_factors=factors, **settings.evaluated)
    return make_record(
        meta,
        TRUTH,
        (Boxes.from_coco(TRUTH, labels), Boxes.from_results(FOUND, labels)),
        settings=settings,
        area_factors=factors,
        metrics=dict.fromkeys(iou_types, make_metrics(*scores, settings)),
    )


def test_a_record_worked_by_hand():
    record = make(factors={1: 0.25, 2: 1.0, 3: 1.0})
    assert (record.classes, record.taxonomy, record.ann_file) == (CLASSES, 'three', 'val.json')
    assert (record.images, record.run, record.curves) == (3, None, None)
    assert record.settings.study_iou == (0.25, 0.5, 0.75)
    assert record.boxes == BoxCounts(
        truth=2,
        crowds=1,
        detections=2,
        truth_per_class=(2, 0, 0),
        detections_per_class=(1, 0, 1),
        truth_per_size=TruthSizes(native=SizeCounts(1, 1, 0), input=SizeCounts(2, 0, 0)),
    )
    metrics = record.metrics['bbox']
    half = pytest.approx(51 / 101)  # precision 1 up to recall 1/2
    assert metrics.per_class == ClassMetrics(
        AP=(half, -1, -1), AP50=(half, -1, -1), AR100=(0.5, -1, -1)
    )
    assert [metrics.coco[f'mAP_{size}'] for size in 'sml'] == [0, 1, -1]
    assert metrics.per_size_at_input == SizeMetrics(small=half, medium=-1, large=-1)
    assert metrics.study.map_per_class == (half, -1, -1)


def test_the_tables():
    factors = {1: 0.25, 2: 1.0, 3: 1.0}
    record = replace(make(factors=factors), curves=CURVES, count_errors=ERRORS)
    assert format_record(record).splitlines() == [
        '3 images, 2 boxes, 2 detections',
        'counts at confidence 0.250: 2 true boxes, 3 detected, per image MAE 1.00, bias +0.33',
        '',
        '                            mAP  IoU 0.50  IoU 0.75  small  medium  large  AR100',
        'bbox                      0.505     0.505     0.505  0.000   1.000      -  0.500',
        'bbox, sizes at the input                             0.505       -      -',
        'bbox, IoU 0.25/0.5/0.75   0.505     0.505     0.505  0.000   1.000      -  0.500',
        '',
        'class  boxes     AP   AP50  AR100',
        'Can        2  0.505  0.505  0.500',
        'Cup        0      -      -      -',
        'Straw      0      -      -      -',
    ]


def test_tables_of_boxes_and_masks_fit_100_columns_whatever_the_names():
    names = ('Can', 'Disposable food container ' * 5, 'x' * 200)
    lines = format_record(make({'classes': names}, iou_types=('bbox', 'segm'))).splitlines()
    assert max(map(len, lines)) == 100
    header = [name for name in lines[-4].split('  ') if name]
    assert len(header) == 8
    assert [name.strip() for name in header[4:6]] == ['bbox AR100', 'segm AP']
    assert lines[-2].startswith('Disposable food container')
    assert [len(line) for line in lines[-4:]] == [100] * 4


@pytest.fixture
def whole():
    """A record in which every field has a value."""
    run = EvaluatedRun('val_3', 3, 30, None, '2025-05-06T07:08:09+00:00')
    record = make(iou_types=('bbox', 'segm'))
    return replace(record, run=run, curves=CURVES, count_errors=ERRORS)


def test_what_was_written_is_read(whole, tmp_path):
    for record in (make(factors={1: 0.25, 2: 1.0, 3: 1.0}), whole):
        path = tmp_path / 'new' / 'record.json'
        write_record(record, path)
        assert read_record(path) == record
        assert os.listdir(path.parent) == ['record.json']


def test_a_record_that_cannot_be_written_leaves_the_old_one(whole, tmp_path):
    path = tmp_path / 'record.json'
    write_record(whole, path)
    broken = replace(whole, curves=replace(whole.curves, best_f1=np.nan))
    with pytest.raises(InputError, match=r'no NaN: curves\.best_f1 is nan'):
        write_record(broken, path)
    assert read_record(path) == whole
    with pytest.raises(InputError, match='folder'):
        write_record(whole, tmp_path)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"schema_version": 4,', 'broken JSON'),
        ('[]', ': not a record of an evaluation: it has no schema_version'),
        ('{"schema_version": 3}', ': its schema_version is 3, but must be 4; evaluate again'),
        ('{"schema_version": 4, "images": 3}', 'Object missing required field `run`'),
    ],
)
def test_something_else_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / 'record.json'
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_record(path)
    assert str(error.value).startswith(str(path))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('place', 'value', 'message'),
    [
        ('images', True, r'Expected `int`, got `bool` - at `\$\.images`'),
        ('classes', ['Can', 5, 'Cup'], r'Expected `str`, got `int` - at `\$\.classes\[1\]`'),
        ('classes', ['Can'], r'boxes\.truth_per_class has 3 of 1 classes'),
        ('run.name', None, r'Expected `str`, got `null` - at `\$\.run\.name`'),
        ('boxes.found', 3, 'schema 4 differs in found'),
        (
            'boxes.truth_per_size.native',
            {'small': 1},
            r'required field `medium` - at .*native',
        ),
        ('metrics', {}, 'metrics must not be empty'),
        ('metrics.keypoints', {}, "Invalid enum value 'keypoints'"),
        ('metrics.bbox.coco', {'mAP': 0.5}, r"metrics\.bbox\.coco must have \['mAP', 'mAP_50'"),
        ('metrics.segm.study.map', float('nan'), r'no NaN: metrics\.segm\.study\.map is nan'),
        ('metrics.segm.study.map', 10**400, r'out of range - at .*\.study\.map'),
        ('metrics.bbox.per_class.AP', [1, 2], r'bbox\.per_class\.AP has 2 of 3 classes'),
        ('count_errors.per_class', [], r'count_errors\.per_class has 0 of 3 classes'),
        ('count_errors.total.true', -1, r'`int` >= 0 - at .*total\.true'),
        ('settings.iou', [0.5, 2], r'iou must be thresholds in \(0, 1\]'),
    ],
)
def test_a_field_of_another_kind_is_named(whole, tmp_path, place, value, message):
    content = asdict(whole)
    *parents, last = place.split('.')
    parent = content
    for name in parents:
        parent = parent[name]
    parent[last] = value
    path = tmp_path / 'test.json'
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as error:
        read_record(path)
    assert str(error.value).startswith(f'{path}: not a record of an evaluation: ')
    assert '\n' not in str(error.value)


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
    other_ids = [{**images[1], 'id': 7}, {**images[0], 'id': 9}]
    assert of(other_ids, rows=(2, 1, 0), image=np.array([9, 9, 7])) == whole
    assert of(images, xyxy=xyxy.round(2)) == whole
    changes = [{'rows': (0, 1)}, {'label': 1 - label}, {'image': np.array([1, 2, 1])}]
    changes += [{'xyxy': xyxy + 0.01}, {'crowd': ~crowd}]
    others = [of(images, **change) for change in changes]
    others += [of([images[0] | new, images[1]]) for new in ({'file_name': 'x.jpg'}, {'height': 51})]
    assert len({whole, *others, of([*images, images[0] | {'id': 3}])}) == 9


def test_curves_are_means_over_the_classes_with_ground_truth():
    nothing = np.full((1, 1001), np.nan)
    f1 = np.concatenate([np.linspace(0, 1, 1001)[None], np.ones((1, 1001)) / 2, nothing])
    curves = ScoreCurves(np.linspace(0, 1, 1001), f1, f1, f1)
    precision = np.stack([np.ones(101), np.zeros(101), np.full(101, np.nan)])
    made = mean_curves(curves, precision)
    assert made.precision == (0.5,) * 101
    assert made.recall == made.threshold == tuple((np.arange(101) / 100).tolist())
    assert made.f1[::50] == (0.25, 0.5, 0.75)
    assert (made.best_threshold, made.best_f1) == (1.0, 0.75)
    none = ScoreCurves(np.linspace(0, 1, 1001), *[np.repeat(nothing, 2, axis=0)] * 3)
    assert mean_curves(none, precision[2:]) is None
