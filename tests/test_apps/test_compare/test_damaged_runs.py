"""What a disk, an editor or a crash may do to the files of a run: one line, and nothing written."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from taco_plugin.apps.compare.compare import write_comparison
from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation.detections import EvaluatedBoxes, write_evaluated_boxes
from taco_plugin.evaluation.record import parse_record, write_record

CONFIG = """
word = 1
model = dict(type='YOLOX', bbox_head=dict(type='YOLOXHead', loss_cls=dict(type='FocalLoss')))
train_cfg = dict(max_epochs=12)
"""
TRAINED = {'loss': 3.0, 'step': 1, 'iter': 1, 'epoch': 1, 'time': 0.5}
VALIDATED = {'coco/bbox_mAP': 0.5, 'step': 1}


@pytest.fixture
def write_run(tmp_path, make_record):
    def write(name='a'):
        start = tmp_path / 'runs' / name / '20250101_000000'
        (start / 'vis_data').mkdir(parents=True)
        (start / 'vis_data' / 'config.py').write_text(CONFIG)
        rows = [TRAINED, {**TRAINED, 'step': 2}, VALIDATED]
        (start / 'vis_data' / 'scalars.json').write_text('\n'.join(map(json.dumps, rows)))
        record = make_record(images=1)
        write_record(parse_record(record), start / 'evaluations' / 'test.json')
        one = Boxes.from_results(
            [{'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 9, 9], 'score': 1}], {1: 0}
        )
        kept = EvaluatedBoxes(str(tmp_path), {1: 'a.jpg'}, {1: (40, 30)}, one, one)
        write_evaluated_boxes(kept, start / 'evaluations' / 'test.npz')
        return start

    return write


def compare(*starts: Path) -> None:
    out = starts[0].parents[2] / 'out'
    folders = [start.parent for start in starts]
    write_comparison(folders, out, title='t', images=2, photographs=None)


def test_what_is_whole_is_compared(write_run):
    start = write_run()
    compare(start)
    assert (start.parents[2] / 'out' / 'comparison.html').is_file()


# Path of a field in the record -> values that it cannot have.
FIELDS = {
    'boxes.truth': ['1', -1, None, 1.5],
    'run': [[], 'test'],
    'run.time': [5],
    'run.epoch': [-1, 'x'],
    'settings': [7],
    'settings.iou': [[], 0.5, ['x'], [2.0]],
    'settings.max_detections': [[1], ['x', 1, 2]],
    'classes': ['Can', [], [1, 2, 3], ['Can', 'Can', 'Cup'], None],
    'images': [-3],
    'boxes.truth_per_class': [[1], [-1, 1, 1], 'abc'],
    'boxes.truth_per_size.native.small': [-1],
    'metrics': [{}, [], {'box': {}}, {'bbox': 1}],
    'metrics.bbox.coco': [{}, {'mAP': 1}],
    'metrics.bbox.per_class.AP50': [[0.5], [0.5, 'x', 1]],
    'metrics.bbox.study.map': [float('inf')],
    'curves': [[], {'recall': []}],
    'curves.recall': [[0.0], 'x'],
    'curves.f1': [[]],
    'schema_version': ['4', None, []],
    'unknown': [1],
}


@pytest.mark.parametrize(
    ('field', 'value'), [(field, value) for field, values in FIELDS.items() for value in values]
)
def test_a_field_of_a_record_that_is_wrong_is_named(write_run, field, value):
    start = write_run()
    path = start / 'evaluations' / 'test.json'
    record = json.loads(path.read_text())
    *parents, name = field.split('.')
    node = record
    for parent in parents:
        node = node[parent]
    node[name] = value
    path.write_text(json.dumps(record))
    with pytest.raises(InputError) as error:
        compare(start)
    assert str(error.value).startswith(f'{path}: ')
    assert re.search(name, str(error.value)), error.value
    assert '\n' not in str(error.value)
    assert not os.path.exists(start.parents[2] / 'out')


MODEL = b'model = dict(type="YOLOX", bbox_head=dict())\n'
FILES = {
    'evaluations/test.json': [b'', b'{', b'[]', b'null', b'{"schema_version": 4}', b'\xff\xfe'],
    'evaluations/test.npz': [b'', b'PK\x03\x04broken'],
    'vis_data/config.py': [
        *(b'', b'model = 3', b'model = dict()', b'model = (', b'\xff\xfe', b'print(1/0)'),
        *(b'_base_ = "none.py"', b'model = dict(type="YOLOX", bbox_head=3)'),
        *(MODEL + b'test_dataloader = 3', MODEL + b'train_cfg = 3'),
    ],
    'vis_data/scalars.json': [
        *(b'{', b'{}', b'[]\n{}', b'\xff\xfe', b'{"step": "x"}', b'{"step": NaN, "loss": 1}'),
        *(b'{"step": 1, "loss": "x"}', b'{"step": 1, "loss": null}', b'{"step": null, "loss": 1}'),
        *(b'{"step": 1, "loss": 1, "time": NaN}', b'{"step": 1, "loss": 1, "time": "x"}'),
        *(b'{"step": 1, "loss": 1, "epoch": "x"}', b'{"step": 1, "loss": 1, "time": -1}'),
        *(b'{"step": 1, "coco/bbox_mAP": "x"}', b'{"step": 1, "loss": 1, "loss_cls": "x"}'),
    ],
}


@pytest.mark.parametrize(
    ('name', 'content'),
    [(name, content) for name, contents in FILES.items() for content in contents],
)
def test_a_file_that_is_damaged_is_named(write_run, name, content):
    start = write_run()
    path = start / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        compare(start)
    assert str(path) in str(error.value)
    assert '\n' not in str(error.value)
    assert not os.path.exists(start.parents[2] / 'out')


NOTHING = {'image': [], 'label': [], 'xyxy': np.empty((0, 4)), 'score': [], 'crowd': []}
ARRAYS = {
    'image_ids': [np.array([1.5]), np.array(['x']), np.array([[1]]), np.array([{}], dtype=object)],
    'image_names': [np.array([3]), np.array([]), np.array(3)],
    'image_sizes': [np.array([[40]]), np.array([[0, -5]]), np.array([['a', 'b']]), np.array([3])],
    'truth_label': [np.array([9]), np.array([-1]), np.array([0.5])],
    'detections_label': [np.array([9])],
    'detections_image': [np.array([5])],
    'detections_score': [np.array([np.nan]), np.array([])],
    'detections_xyxy': [np.array([[1.0, 2, 0, 3]]), np.array([1.0])],
    'folder': [np.array([1, 2])],
}


@pytest.mark.parametrize(
    ('name', 'value'),
    [(name, value) for name, values in ARRAYS.items() for value in [None, *values]],
)
def test_boxes_that_are_wrong_are_named(write_run, name, value):
    starts = write_run('a'), write_run('b')
    path = starts[0] / 'evaluations' / 'test.npz'
    with np.load(path) as file:
        arrays = dict(file)
    arrays.pop(name)
    np.savez(path, **arrays, **({} if value is None else {name: value}))
    with pytest.raises(InputError) as error:
        compare(*starts)
    assert str(path) in str(error.value)
    assert '\n' not in str(error.value)
    assert not os.path.exists(starts[0].parents[2] / 'out')
