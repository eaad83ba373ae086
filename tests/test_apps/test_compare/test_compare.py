"""Groups of runs, what is drawn of them, and the command on work dirs as runs write them."""

import csv
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taco_plugin.apps.compare import compare as module
from taco_plugin.apps.compare.compare import draw_images, draw_plots, group_runs
from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation.detections import EvaluatedBoxes, write_evaluated_boxes
from taco_plugin.evaluation.record import parse_record, write_record

ROOT = Path(__file__).parents[3]


def boxes(*rows):
    """Boxes from image, label and score."""
    image, label, score = np.array(rows, dtype=float).reshape(-1, 3).T
    xyxy = np.tile([5.0, 5, 25, 25], (len(rows), 1))
    return Boxes(image.astype(int), label.astype(int), xyxy, score, np.zeros(len(rows), bool))


def kept_boxes(folder, images, truth=(), detections=()):
    sizes = dict.fromkeys(images, (40, 30))
    return EvaluatedBoxes(str(folder), images, sizes, boxes(*truth), boxes(*detections))


@pytest.fixture
def make(make_run, make_record):
    return lambda name, boxes=None, **changes: make_run(name, make_record() | changes, boxes=boxes)


@pytest.fixture
def photographs(tmp_path):
    (tmp_path / 'photographs').mkdir()
    for name in ('a.png', 'b.png'):
        Image.new('RGB', (40, 30), 'grey').save(tmp_path / 'photographs' / name)
    return tmp_path / 'photographs'


def names(groups):
    return [[run.name for run in runs] for runs in groups]


def test_runs_of_other_images_classes_or_thresholds_are_not_ranked_together(make, make_record):
    runs = [
        make('a'),
        make('images', ground_truth='other'),
        make('b'),
        make('classes', classes=['Can', 'Cup', 'Lid']),
        make('iou', settings=make_record()['settings'] | {'iou': [0.75]}),
    ]
    assert names(group_runs(runs)) == [['a', 'b'], ['images'], ['classes'], ['iou']]


def test_a_run_without_an_evaluation_joins_the_only_group(make, make_run):
    crashed = make_run('crashed', record=None)
    assert names(group_runs([crashed, make('a'), make('b')])) == [['crashed', 'a', 'b']]
    assert names(group_runs([crashed])) == [['crashed']]
    groups = group_runs([make('a'), crashed, make('b', ground_truth='other')])
    assert names(groups) == [['a'], ['b'], ['crashed']]


@pytest.mark.parametrize('suffix', ['', '.jpg'])
def test_images_are_joined_by_their_names_whatever_their_ids(make, monkeypatch, suffix):
    """Ids are swapped in the second run, which misses what is in b."""
    drawn = []

    def draw(path, size, truth, *, runs, **rest):
        counts = {name: (len(some), threshold) for name, (some, threshold) in runs.items()}
        drawn.append((path, size, len(truth), counts))
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(module, 'side_by_side', draw)
    truth = [(1, 0, 1), (2, 0, 1)]
    detections = [(1, 0, 0.9), (2, 0, 0.9), (2, 0, 0.4)]
    first = kept_boxes('/first', {1: 'a.png', 2: 'b.png'}, truth, detections)
    other = {1: f'b.png{suffix}', 2: f'a.png{suffix}'}
    second = kept_boxes('/second', other, truth, [(2, 0, 0.9)])
    (picture,) = draw_images([make('x', first), make('y', second)], 1, None)
    counts = {'x': (1, 0.5), 'y': (0, 0.5)}
    assert drawn == [(Path('/first/b.png'), (40, 30), 1, counts)]
    assert picture.title == 'b.png'
    list(draw_images([make('y', second), make('x', first)], 1, None))
    assert drawn[1][0] == Path(f'/second/b.png{suffix}')


def test_the_same_images_are_drawn_under_each_run(make, photographs):
    kept = kept_boxes('/moved', {1: 'a.png', 2: 'b.png'}, [(1, 0, 1)], [(1, 1, 0.9)])
    runs = [make('x', kept), make('y', kept, curves=None), make('not tested')]
    (picture,) = draw_images(runs, 6, str(photographs))  # there is nothing in b
    assert picture.uri.startswith('data:image/jpeg')
    assert picture.size[0] > 3 * 300
    assert [plot.title for plot in draw_plots(runs)] == ['Score by size', 'Curves', 'Classes']
    assert list(draw_images(runs, 0, None)) == []


def test_boxes_of_other_images_are_refused(make):
    runs = [make('x', kept_boxes('', {1: 'a.png'})), make('y', kept_boxes('', {1: 'c.png'}))]
    message = r'y: its boxes are of other images than those of x, such as a\.png; test both again'
    with pytest.raises(InputError, match=message):
        list(draw_images(runs, 6, None))


def test_one_run_is_not_compared_with_itself(make, make_run):
    run = make('x', kept_boxes('', {1: 'a.png'}))
    rows = [{'loss': 2.0, 'step': 1, 'epoch': 1}, {'coco/bbox_mAP': 0.5, 'step': 1}]
    run = replace(run, training=replace(run.training, rows=rows))
    assert [plot.title for plot in draw_plots([run])] == ['Training', 'Classes']
    assert list(draw_images([run], 6, None)) == []
    assert list(draw_plots([make_run('crashed', record=None)])) == []


@pytest.fixture
def write_run(tmp_path, make_record, photographs):
    """A work dir of a demo detector that was tested: two images, a can in the first."""

    def write(name):
        start = tmp_path / 'runs' / name / '20250101_000000'
        (start / 'vis_data').mkdir(parents=True)
        config = f'_base_ = {str(ROOT / "configs" / "taco" / "demo.py")!r}\n'
        (start / 'vis_data' / 'config.py').write_text(config)
        record = make_record(images=2)
        record['boxes'] |= {'truth': 1, 'detections': 1}
        write_record(parse_record(record), start / 'evaluations' / 'test.json')
        kept = kept_boxes(photographs, {1: 'a.png', 2: 'b.png'}, [(1, 0, 1)], [(1, 0, 0.9)])
        write_evaluated_boxes(kept, start / 'evaluations' / 'test.npz')
        return start.parent

    return write


def test_two_runs_become_a_page_and_tables(run_tool, write_run, tmp_path):
    arguments = write_run('a'), write_run('b'), '--out', tmp_path / 'out', '--title', 'Two <runs>'
    shutil.move(tmp_path / 'photographs', tmp_path / 'moved')
    arguments = *arguments, '--photographs', tmp_path / 'moved'
    result = run_tool('analysis_tools/compare_runs.py', *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == str(tmp_path / 'out' / 'comparison.html')
    assert sorted(os.listdir(tmp_path / 'out')) == [
        *('comparison.csv', 'comparison.html', 'comparison.md')
    ]
    page = (tmp_path / 'out' / 'comparison.html').read_text()
    assert 'Two &lt;runs&gt;' in page
    assert page.count('data:image/jpeg') == 1  # the image with a box, under both runs
    rows = list(csv.DictReader((tmp_path / 'out' / 'comparison.csv').open()))
    assert [(row['run'], row['detector']) for row in rows] == [('a', 'YOLOX'), ('b', 'YOLOX')]
    assert 'Cup' in (tmp_path / 'out' / 'comparison.md').read_text()


def test_ctrl_c_while_it_writes_leaves_nothing_but_what_others_wrote(
    stop_tool, write_run, tmp_path
):
    precious = tmp_path / 'R' / 'other' / 'precious.txt'
    out = tmp_path / 'R' / 'exp'
    arguments = 'analysis_tools/compare_runs.py', write_run('a'), '--out', out
    status, stderr = stop_tool('SIGINT', 0, out, *arguments, precious=precious)
    assert (status, 'Traceback' in stderr) == (130, False), stderr
    assert [*(tmp_path / 'R').rglob('*')] == [precious.parent, precious]


def test_bad_input_is_named_and_nothing_is_written(run_tool, write_run, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'comparison.html').write_text('before')
    folders = write_run('a'), write_run('b')
    (folders[1] / '20250101_000000' / 'evaluations' / 'test.npz').write_text('broken')
    result = run_tool('analysis_tools/compare_runs.py', *folders, '--out', out)
    assert result.returncode == 1
    (error,) = [line for line in result.stderr.splitlines() if 'error:' in line]
    assert error.startswith('compare_runs.py: error: ')
    wrong = run_tool(
        'analysis_tools/compare_runs.py', *folders, '--out', out, '--photographs', 'nix'
    )
    assert wrong.stderr.endswith('error: nix: no such folder of photographs\n')
    assert 'test.npz: no file of evaluated boxes' in error
    assert 'Traceback' not in result.stderr
    assert os.listdir(out) == ['comparison.html']
    assert (out / 'comparison.html').read_text() == 'before'
