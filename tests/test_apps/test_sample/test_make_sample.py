"""``make_sample.py`` as a user calls it."""

import json

import pytest

TOOL = 'dataset_converters/make_sample.py'


def test_draws_the_images_and_says_what_comes_next(run_tool, tmp_path):
    out = tmp_path / 'sample'
    result = run_tool(TOOL, '--out', out, '--images', 3, '--seed', 5)
    assert result.returncode == 0, result.stderr
    coco = json.loads((out / 'annotations.json').read_text())
    assert len(coco['images']) == 3
    lines = result.stdout.splitlines()
    assert lines[0] == f'{out}: 3 images, {len(coco["annotations"])} boxes'
    assert sum(int(line.split()[0]) for line in lines[1:-1]) == len(coco['annotations'])
    assert lines[-1].startswith('next: python tools/dataset_converters/prepare_taco.py ')


def test_the_default_run_has_240_images_and_shows_progress(run_tool, tmp_path):
    result = run_tool(TOOL, '--out', tmp_path / 'sample')
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].endswith('240 images, 775 boxes')
    assert lines[1].split() == ['280', 'Cigarette']
    assert lines[-2].split() == ['28', 'Pop', 'tab']
    assert '/240' in result.stderr


def test_a_sample_can_be_drawn_again_and_its_splits_are_kept_and_pointed_out(run_tool, tmp_path):
    assert 'note' not in run_tool(TOOL, '--out', tmp_path, '--images', 2).stdout
    (tmp_path / 'annotations').mkdir()
    result = run_tool(TOOL, '--out', tmp_path, '--images', 1, '--seed', 1)
    assert f'note: {tmp_path / "annotations"} was prepared before' in result.stdout
    assert (tmp_path / 'annotations').is_dir()
    assert len(list(tmp_path.rglob('*.jpg'))) == 1


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['--images', '0'], 'argument --images: must be 1 or more, but is 0'),
        (['--seed', '-4'], 'argument --seed: must be 0 or more, but is -4'),
        (['--out', 'thesis.txt'], 'thesis.txt is a file; give a folder'),
        (['--out', '.'], '. holds other files than a sample; give a new or empty folder'),
        (['--out', 'thesis.txt/sample'], 'thesis.txt'),
    ],
)
def test_what_cannot_be_done_ends_in_one_line(run_tool, tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'thesis.txt').write_text('mine')
    result = run_tool(TOOL, *([] if '--out' in args else ['--out', 'sample']), *args)
    assert result.returncode == 1
    assert result.stderr.startswith('make_sample.py: error: ')
    assert message in result.stderr
    assert result.stderr.count('\n') == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ['thesis.txt']
