"""Runs with several seeds, the certainty of differences, and published results."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from taco_plugin.apps.compare.compare import write_comparison
from taco_plugin.apps.compare.seeds import (
    certainty_table,
    differences,
    published_table,
    read_named_runs,
    read_published,
)
from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation.detections import EvaluatedBoxes, write_evaluated_boxes
from taco_plugin.evaluation.record import parse_record, write_record

CONFIG = "model = dict(type='YOLOX')\n"
IMAGES = {number: f'{number}.png' for number in range(40)}


def boxes_in(images):
    """The same box in each of some images."""
    count = len(images)
    label, crowd = np.zeros(count, int), np.zeros(count, bool)
    xyxy = np.tile([5.0, 5, 25, 25], (count, 1))
    return Boxes(np.array(images), label, xyxy, np.ones(count), crowd)


@pytest.fixture
def write_run(tmp_path, make_record):
    """A work dir with a test."""

    def write(name, found=40, **changes):
        start = tmp_path / name / '20250101_000000'
        (start / 'vis_data').mkdir(parents=True)
        (start / 'vis_data' / 'config.py').write_text(CONFIG)
        write_record(parse_record(make_record(**changes)), start / 'evaluations' / 'test.json')
        truth, detections = boxes_in([*IMAGES]), boxes_in([*IMAGES][:found])
        sizes = dict.fromkeys(IMAGES, (40, 30))
        boxes = EvaluatedBoxes(str(tmp_path), IMAGES, sizes, truth, detections)
        write_evaluated_boxes(boxes, start / 'evaluations' / 'test.npz')
        return tmp_path / name

    return write


def cells(table, row):
    return {
        column.title: cell.text for column, cell in zip(table.columns, table.rows[row], strict=True)
    }


def test_a_run_with_seeds_has_their_means_and_ranges(write_run):
    first, second = write_run('a', mAP_50=0.5, mAP=0.2), write_run('b', mAP_50=0.6, mAP=0.25)
    other = write_run('c', mAP_50=0.4, mAP=0.1)
    plain, named = read_named_runs([other, f'both={first},{second}'])
    assert (plain.name, named.name) == ('c', 'both')
    assert [seed.name for seed in named.seeds] == ['a', 'b']
    assert named.record.metrics['bbox'].coco['mAP_50'] == pytest.approx(0.55)
    assert named.record.boxes == plain.record.boxes
    table = certainty_table([plain, named], {})
    assert cells(table, 1)['seeds'] == '2'
    assert (cells(table, 1)['AP50 lowest'], cells(table, 1)['AP50 highest']) == ('0.500', '0.600')


def test_differences_are_certain_only_where_images_agree(write_run):
    runs = read_named_runs([write_run('a', found=10), write_run('b', found=40), write_run('c', 10)])
    intervals = differences(runs)
    assert 0.5 < intervals['b'][0] < 0.75 < intervals['b'][1] < 1
    assert intervals['c'] == (0, 0)
    assert differences(runs[:1]) == {}
    shuffled = replace(runs[1].boxes, detections=some_wrong(runs[1].boxes.detections))
    low, high = differences([runs[1], replace(runs[1], name='x', boxes=shuffled)])['x']
    assert low < high == 0  # one image is wrong, which some samples lack


def some_wrong(boxes: Boxes) -> Boxes:
    xyxy = boxes.xyxy.copy()
    xyxy[0] += 100
    return replace(boxes, xyxy=xyxy)


def test_published_results_stand_below_and_say_of_which_split(tmp_path, write_run, make_record):
    (tmp_path / 'published.json').write_text(
        json.dumps([{'name': 'DETR <b>', 'source': 'a paper', 'classes': 7, 'AP50': 0.318}])
    )
    folder = write_run('a', mAP_50=0.5)
    known = read_published(tmp_path / 'published.json')
    table = published_table(read_named_runs([folder]), known)
    assert [cells(table, row)['split'] for row in (0, 1)] == ['the same', 'another']
    assert [cells(table, row)['AP50'] for row in (0, 1)] == ['0.500', '0.318']
    out = tmp_path / 'out'
    settings = {'title': 't', 'images': 0, 'photographs': None}
    given = [folder, f'again={write_run("b")},{write_run("c")}']
    write_comparison(given, out, published=str(tmp_path / 'published.json'), **settings)
    page = (out / 'comparison.html').read_text()
    assert all(text in page for text in ('DETR &lt;b&gt;', 'cannot be ranked', '95 % to'))
    assert '### Published results' in (out / 'comparison.md').read_text()


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (['x=a,b', 'x=c'], 'another run has the same name'),
        (['=a'], '=a: no name'),
        (['x=a,other'], 'x: its seeds must all be scored, on the same images and classes'),
    ],
)
def test_what_cannot_be_joined_is_refused(given, message, write_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in 'abc':
        write_run(name)
    write_run('other', seed=1)
    with pytest.raises(InputError, match=message):
        read_named_runs(given)


def test_a_file_of_something_else_is_refused(tmp_path):
    Path(tmp_path, 'a.json').write_text('[{"AP50": 0.5}]')
    with pytest.raises(InputError, match='a.json: no published results: .*name'):
        read_published(tmp_path / 'a.json')
