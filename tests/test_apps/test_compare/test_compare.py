import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from taco_plugin.apps.compare import compare as module
from taco_plugin.apps.compare.compare import group_runs, make_section
from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation.detections import Detections

CURVES = {
    **dict.fromkeys(('recall', 'precision', 'threshold', 'f1'), [0.0, 1.0]),
    'best_threshold': 0.5,
    'best_f1': 1.0,
}


@pytest.fixture
def make(make_run, make_record):
    def make(name, boxes=None, **changes):
        record = make_record() | {'curves': CURVES} | changes
        run = make_run(name, record)
        return replace(run, evaluation=replace(run.evaluation, detections=boxes))

    return make


def names(groups):
    return [[run.name for run in runs] for runs in groups]


def test_runs_of_other_images_classes_or_thresholds_are_not_ranked_together(make):
    runs = [
        make('a'),
        make('images', ground_truth='other'),
        make('b'),
        make('classes', classes=['Can', 'Cup', 'Lid']),
        make('iou', settings={'iou': [0.5], 'study_iou': [0.5], 'tops': [100]}),
    ]
    assert names(group_runs(runs)) == [['a', 'b'], ['images'], ['classes'], ['iou']]


def test_a_run_without_an_evaluation_joins_the_only_group(make, make_run):
    crashed = make_run('crashed', record=None)
    assert names(group_runs([crashed, make('a'), make('b')])) == [['crashed', 'a', 'b']]
    assert names(group_runs([crashed])) == [['crashed']]
    groups = group_runs([make('a'), crashed, make('b', ground_truth='other')])
    assert names(groups) == [['a'], ['b'], ['crashed']]


def boxes(*rows):
    """Boxes from image, label and score."""
    image, label, score = np.array(rows, dtype=float).reshape(-1, 3).T
    xyxy = np.tile([5.0, 5, 25, 25], (len(rows), 1))
    none = np.zeros(len(rows), bool)
    return Boxes(image.astype(int), label.astype(int), xyxy, score, none)


@pytest.fixture
def photographs(tmp_path):
    for name in ('a.png', 'b.png'):
        Image.new('RGB', (40, 30), 'white').save(tmp_path / name)
    return str(tmp_path)


def test_images_are_joined_by_their_names_whatever_their_ids(make, photographs, monkeypatch):
    """Ids are swapped in the second run; it misses what is in b, and finds what is in a."""
    drawn = []

    def draw(path, truth, founds, of_runs, thresholds, *rest):
        drawn.append((path.name, len(truth), [len(found) for found in founds], thresholds))
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(module, 'side_by_side', draw)
    first = Detections(
        photographs,
        {1: 'a.png', 2: 'b.png'},
        boxes((1, 0, 1), (2, 0, 1)),
        boxes((1, 0, 0.9), (2, 0, 0.9), (2, 0, 0.4)),
    )
    second = Detections(
        photographs,
        {1: 'b.png', 2: 'a.png'},
        boxes((1, 0, 1), (2, 0, 1)),
        boxes((2, 0, 0.9)),
    )
    section = make_section([make('x', first), make('y', second)], images=1)
    assert drawn == [('b.png', 1, [1, 0], [0.5, 0.5])]
    assert [picture.title for picture in section.images] == ['b.png']


def test_the_same_images_are_drawn_under_each_run(make, photographs, tmp_path):
    truth, found = boxes((1, 0, 1)), boxes((1, 1, 0.9))
    kept = Detections('/moved/away', {1: 'a.png', 2: 'b.png'}, truth, found)
    runs = [make('x', kept), make('y', kept, curves=None), make('not tested')]
    section = make_section(runs, images=6, folder=photographs)
    (picture,) = section.images  # there is nothing in b
    drawn = Image.open(io.BytesIO(picture.data))
    assert drawn.width > 3 * 300
    titles = [figure.title for figure in section.figures]
    assert titles == ['Score by size', 'Curves', 'Classes']
    assert make_section(runs, images=0).images == []


def test_boxes_of_other_images_are_refused(make, photographs):
    one = Detections(photographs, {1: 'a.png'}, boxes(), boxes())
    other = Detections(photographs, {1: 'c.png'}, boxes(), boxes())
    with pytest.raises(
        InputError, match=r'y: its boxes are of other images than those of x.*a\.png'
    ):
        make_section([make('x', one), make('y', other)], images=6)


def test_one_run_is_not_compared_with_itself(make, make_run):
    run = make('x')
    rows = [{'loss': 2.0, 'step': 1, 'epoch': 1}, {'coco/bbox_mAP': 0.5, 'step': 1}]
    run = replace(run, training=replace(run.training, rows=rows))
    assert [figure.title for figure in make_section([run], 6).figures] == ['Training', 'Classes']
    crashed = make_run('crashed', record=None)
    assert make_section([crashed], 6).figures == []
