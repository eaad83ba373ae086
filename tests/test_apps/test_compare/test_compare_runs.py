"""The command, on work dirs as runs write them."""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taco_plugin.boxes import Boxes
from taco_plugin.evaluation.detections import Detections, write_detections
from taco_plugin.evaluation.record import SCHEMA_VERSION, write_record

ROOT = Path(__file__).parents[3]


@pytest.fixture
def write_run(tmp_path, make_record):
    """A work dir of a demo detector that was tested: two images, a can in the first."""
    (tmp_path / 'photos').mkdir()
    for name in ('1.png', '2.png'):
        Image.new('RGB', (64, 48), 'grey').save(tmp_path / 'photos' / name)

    def write(name, **changes):
        start = tmp_path / 'runs' / name / '20250101_000000'
        (start / 'vis_data').mkdir(parents=True)
        config = f'_base_ = {str(ROOT / "configs" / "taco" / "demo.py")!r}\n'
        (start / 'vis_data' / 'config.py').write_text(config)
        record = make_record(images=2) | {'schema_version': SCHEMA_VERSION, 'curves': None}
        record['boxes'] |= {'truth': 1, 'found': 1}
        write_record(record | changes, start / 'evaluations' / 'test.json')
        box = np.array([1]), np.array([0]), np.array([[9.0, 9, 30, 30]])
        truth = Boxes(*box, np.array([1.0]), np.array([False]))
        found = Boxes(*box, np.array([0.9]), np.array([False]))
        images = {1: '1.png', 2: '2.png'}
        kept = Detections(str(tmp_path / 'photos'), images, truth, found)
        write_detections(kept, start / 'evaluations' / 'test.npz')
        return start.parent

    return write


def compare(run_tool, *arguments):
    return run_tool('analysis_tools/compare_runs.py', *arguments)


def test_two_runs_become_a_page_and_tables(run_tool, write_run, tmp_path):
    out = tmp_path / 'out'
    folders = write_run('a'), write_run('b')
    result = compare(run_tool, *folders, '--out', out, '--title', 'Two <runs>')
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == str(out / 'comparison.html')
    assert sorted(os.listdir(out)) == [f'comparison.{kind}' for kind in ('csv', 'html', 'md')]
    page = (out / 'comparison.html').read_text()
    assert 'Two &lt;runs&gt;' in page
    assert page.count('data:image/jpeg') == 1  # the image with a box, under both runs
    rows = list(csv.DictReader((out / 'comparison.csv').open()))
    assert [row['run'] for row in rows] == ['a', 'b']
    assert {row['detector'] for row in rows} == {'YOLOX'}


def test_classes_without_names_and_photographs_that_have_moved(run_tool, write_run, tmp_path):
    folder = write_run('a', classes=['', 'Cup', ' '])
    shutil.move(tmp_path / 'photos', tmp_path / 'moved')
    arguments = folder, '--out', tmp_path / 'out', '--photographs', tmp_path / 'moved'
    result = compare(run_tool, *arguments)
    assert result.returncode == 0, result.stderr
    assert 'Cup' in (tmp_path / 'out' / 'comparison.md').read_text()


def break_results(start):
    (start / 'evaluations' / 'test.json').write_text('')
    return 'not a record of an evaluation: broken JSON'


def break_images(start):
    other = start.parents[1] / 'a' / start.name / 'evaluations' / 'test.npz'
    with np.load(other) as arrays:
        names = {**arrays, 'image_names': np.array(['1.png', '3.png'])}
    np.savez(start / 'evaluations' / 'test.npz', **names)
    return 'its boxes are of other images than those of a, such as 2.png'


@pytest.mark.parametrize('break_it', [break_results, break_images])
def test_bad_input_is_named_and_nothing_is_written(break_it, run_tool, write_run, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'comparison.html').write_text('before')
    folders = write_run('a'), write_run('b')
    reason = break_it(folders[1] / '20250101_000000')
    result = compare(run_tool, *folders, '--out', out)
    assert result.returncode == 1
    errors = [line for line in result.stderr.splitlines() if 'error:' in line]
    assert len(errors) == 1
    assert errors[0].startswith('compare_runs.py: error: ')
    assert reason in errors[0]
    assert 'Traceback' not in result.stderr
    assert os.listdir(out) == ['comparison.html']
    assert (out / 'comparison.html').read_text() == 'before'


def test_a_negative_number_of_images_is_refused(run_tool, tmp_path):
    result = compare(run_tool, tmp_path, '--out', tmp_path / 'out', '--images', -1)
    assert result.returncode == 1
    assert '--images must be 0 or more, but is -1' in result.stderr
