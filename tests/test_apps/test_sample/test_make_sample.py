import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / 'tools' / 'dataset_converters' / 'make_sample.py'


def _call(*args):
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, 'PYTHONPATH': path},
    )


def test_draws_the_images_and_says_what_comes_next(tmp_path):
    result = _call('--out', tmp_path / 'sample', '--images', 3, '--seed', 5)
    assert result.returncode == 0, result.stderr
    coco = json.loads((tmp_path / 'sample' / 'annotations.json').read_text())
    assert len(coco['images']) == 3
    lines = result.stdout.splitlines()
    assert lines[0] == f'{tmp_path / "sample"}: 3 images, {len(coco["annotations"])} boxes'
    assert sum(int(line.split()[0]) for line in lines[1:-1]) == len(coco['annotations'])
    assert lines[-1].startswith('next: python tools/dataset_converters/prepare_taco.py ')


def test_the_default_run_has_240_images_and_shows_progress(tmp_path):
    result = _call('--out', tmp_path / 'sample')
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].endswith('240 images, 775 boxes')
    assert lines[1].split() == ['280', 'Cigarette']
    assert lines[-2].split() == ['28', 'Pop', 'tab']
    assert '/240' in result.stderr


def test_the_sample_that_is_there_can_be_drawn_again(tmp_path):
    for images in (2, 1):
        assert _call('--out', tmp_path, '--images', images).returncode == 0
    assert len(list(tmp_path.rglob('*.jpg'))) == 1


def test_splits_of_an_earlier_sample_are_kept_and_pointed_out(tmp_path):
    assert 'note' not in _call('--out', tmp_path, '--images', 1).stdout
    (tmp_path / 'annotations').mkdir()
    result = _call('--out', tmp_path, '--images', 1, '--seed', 1)
    assert f'note: {tmp_path / "annotations"} was prepared before' in result.stdout
    assert (tmp_path / 'annotations').is_dir()


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['--images', '0'], 'number of images must be >= 1, got 0'),
        (['--seed', '-4'], 'seed must be >= 0, got -4'),
    ],
)
def test_bad_numbers_end_in_one_line(tmp_path, args, message):
    result = _call('--out', tmp_path / 'sample', *args)
    assert result.returncode == 1
    assert result.stderr == f'make_sample.py: error: {message}\n'
    assert not (tmp_path / 'sample').exists()


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / 'thesis.txt').write_text('mine')
    result = _call('--out', tmp_path)
    assert result.returncode == 1
    assert result.stderr.count('\n') == 1
    assert 'holds other files than a sample; give a new or empty folder' in result.stderr


def test_a_folder_that_cannot_be_made_ends_in_one_line(tmp_path):
    (tmp_path / 'file').write_text('')
    result = _call('--out', tmp_path / 'file' / 'sample')
    assert result.returncode == 1
    assert result.stderr.startswith('make_sample.py: error: ')
    assert result.stderr.count('\n') == 1


def test_out_is_required():
    result = _call()
    assert result.returncode == 2
    assert '--out' in result.stderr


def test_help_answers_at_once():
    start = time.monotonic()
    result = _call('--help')
    assert time.monotonic() - start < 1
    assert result.returncode == 0
    assert '--images N' in result.stdout
