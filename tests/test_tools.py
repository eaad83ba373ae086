"""The commands: their help, and what they say to bad input."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / 'tools'
DEMO = ROOT / 'configs' / 'taco' / 'demo.py'
PYTHON_TOOLS = sorted(str(path.relative_to(TOOLS)) for path in TOOLS.rglob('*.py'))
SHELL_TOOLS = sorted(path.name for path in TOOLS.glob('*.sh'))
QUICK = [
    *('train_cfg.max_epochs=1', 'train_dataloader.num_workers=0'),
    'train_dataloader.persistent_workers=False',
]


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The error of a command that must end in one line on stderr and exit status 1."""
    assert result.returncode == 1, result.stderr
    lines = [line for line in result.stderr.splitlines() if ': error: ' in line]
    assert 'Traceback' not in result.stderr
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.mark.parametrize('tool', PYTHON_TOOLS + SHELL_TOOLS)
def test_help_answers_without_loading_torch(tool, run_tool, tmp_path):
    (tmp_path / 'torch.py').write_text('raise SystemExit("torch was imported")')
    began = time.monotonic()
    result = run_tool(tool, '--help', PYTHONPATH=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert Path(tool).name in result.stdout
    assert time.monotonic() - began < 5  # a second, on a machine that is not busy


@pytest.mark.parametrize('tool', SHELL_TOOLS)
def test_a_launcher_without_arguments_shows_its_usage(tool, run_tool):
    result = run_tool(tool)
    assert result.returncode == 2
    assert f'tools/{tool} ' in result.stderr


@pytest.mark.parametrize('name', ['train', 'test'])
def test_slurm_launchers_give_stock_arguments_to_srun(name, run_tool, tmp_path):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    result = subprocess.run(
        ['bash', TOOLS / f'slurm_{name}.sh', 'gpu', 'job', 'a.py', 'b c', '--cfg-options', 'x=1 2'],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            **{'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'GPUS': '16', 'SRUN_ARGS': '-t 5 -v'},
        },
    )
    last = {'train': ['a.py', '--work-dir=b c'], 'test': ['a.py', 'b c']}[name]
    assert result.stdout.splitlines() == [
        *('-p', 'gpu', '--job-name=job', '--gres=gpu:8', '--ntasks=16', '--ntasks-per-node=8'),
        *('--cpus-per-task=5', '--kill-on-bad-exit=1', '-t', '5', '-v', 'python', '-u'),
        *(str(TOOLS / f'{name}.py'), *last, '--launcher', 'slurm', '--cfg-options', 'x=1 2'),
    ]


def train(run_tool, root: Path, work_dir: Path, *args: object, options: tuple = ()):
    return run_tool(
        *('train.py', DEMO, '--work-dir', work_dir, *args, '--cfg-options', *QUICK, *options),
        TACO_DATA_ROOT=f'{root}/',
    )


def test_wrong_num_classes_fails_before_the_first_iteration(run_tool, small_taco, tmp_path):
    result = train(run_tool, small_taco, tmp_path, options=('model.bbox_head.num_classes=3',))
    assert 'model.bbox_head.num_classes is 3, but the data set has 10 classes' in one_line(result)
    assert 'Epoch(train)' not in result.stdout
    assert not list(tmp_path.glob('*.pth'))


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('taxonomy=taco60', r'taxonomy is taco60, but .* is taco10; classes can be .* by use_taco'),
        ('val_evaluator.metric=segm', "metric='segm' scores masks, but the model predicts none"),
        ('train_dataloader.batch_size=0', r'demo\.py: ValueError: batch_size .*=1 shows'),
    ],
)
def test_settings_that_contradict_one_another_fail_before_the_first_iteration(
    run_tool, small_taco, tmp_path, option, message
):
    result = train(run_tool, small_taco, tmp_path, options=(option,))
    assert re.search(message, one_line(result))
    assert 'Epoch(train)' not in result.stdout


def test_data_that_were_not_prepared_are_missed_by_name(run_tool, tmp_path):
    error = one_line(train(run_tool, tmp_path / 'nowhere', tmp_path))
    assert 'nowhere/annotations/train.json: no such annotation file; write it with' in error


def test_another_taxonomy_than_the_files_is_refused(run_tool, small_taco, tmp_path):
    options = tuple(
        f'{split}_dataloader.dataset.{inner}taxonomy=detectwaste7'
        for split, inner in (('train', 'dataset.'), ('val', ''), ('test', ''))
    )
    error = one_line(train(run_tool, small_taco, tmp_path, options=options))
    assert 'do not fit the taxonomy detectwaste7' in error
    assert 'metals_and_plastic' in error
    assert 'Pop tab' in error


def test_a_missing_photograph_is_named_by_a_worker_too(run_tool, small_taco, tmp_path):
    root = shutil.copytree(small_taco, tmp_path / 'taco')
    for photograph in root.glob('batch_*/*.jpg'):
        photograph.unlink()
    workers = ('train_dataloader.num_workers=1',)
    error = one_line(train(run_tool, root, tmp_path / 'run', options=workers))
    assert '.jpg: no such image; is data_root right' in error


class RunsCode:
    """What an attacker puts into a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('evil', 'evil.pth: refused, as loading this checkpoint could run code'),
        ('classes', "the checkpoint was trained on the classes ['Can', 'Cup']"),
        ('page', 'page.pth: an HTML page instead of a checkpoint'),
        ('meta', 'meta.pth: its meta is a NoneType instead of a dict'),
        ('none', 'none.pth can not be found'),
        ('work_dir', 'no best_*.pth, only epoch_1.pth'),
    ],
)
def test_bad_checkpoints_are_refused(name, message, run_tool, small_taco, tmp_path):
    path, ran = tmp_path / f'{name}.pth', tmp_path / 'ran'
    meta = {'dataset_meta': {'classes': ['Can', 'Cup']}}
    contents = {
        'evil': {'state_dict': {}, 'meta': RunsCode(ran)},
        'classes': {'state_dict': {'x': torch.ones(1)}, 'meta': meta},
        'meta': {'state_dict': {'x': torch.ones(1)}, 'meta': None},
    }
    if name in contents:
        torch.save(contents[name], path)
    elif name == 'page':
        path.write_text('<html>404</html>')
    elif name == 'work_dir':
        path = tmp_path
        torch.save({}, path / 'epoch_1.pth')
    result = run_tool(
        'test.py', DEMO, path, '--work-dir', tmp_path / 'test', TACO_DATA_ROOT=f'{small_taco}/'
    )
    assert message in one_line(result)
    assert not ran.exists()
    assert not list(tmp_path.rglob('test.json'))


@pytest.mark.parametrize('way', ['resume', 'load_from'])
def test_a_checkpoint_to_start_from_is_checked_as_well(way, run_tool, small_taco, tmp_path):
    (tmp_path / 'lfs.pth').write_text('version https://git-lfs.github.com/spec/v1\n')
    path = tmp_path / 'lfs.pth'
    how = {'resume': ['--resume', path]}.get(way, [])
    options = () if how else (f'load_from={path}',)
    result = train(run_tool, small_taco, tmp_path / 'run', *how, options=options)
    assert 'lfs.pth: a git-lfs pointer instead of the checkpoint; run' in one_line(result)


def test_missing_config_is_one_line(run_tool):
    assert 'none.py' in one_line(run_tool('train.py', 'none.py'))


def test_stock_scripts_work_without_ours(small_taco, tmp_path):
    """MMDetection's own train.py imports its ops before it reads the config."""
    import mmdet

    script = Path(mmdet.__file__).parent / '.mim' / 'tools' / 'train.py'
    options = [*QUICK, 'train_dataloader.batch_size=4', 'train_cfg.val_interval=5']
    result = subprocess.run(
        [sys.executable, script, DEMO, '--work-dir', tmp_path, '--cfg-options', *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, 'TACO_DATA_ROOT': f'{small_taco}/', 'OMP_NUM_THREADS': '1'},
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert (tmp_path / 'epoch_1.pth').is_file()
    assert 'pkg_resources' not in result.stderr


def test_init_detector_in_a_fresh_interpreter(small_taco, tmp_path):
    image = tmp_path / 'a.png'
    cv2.imwrite(str(image), np.zeros((320, 320, 3), np.uint8))
    code = (
        'from mmdet.apis import inference_detector, init_detector\n'
        f'model = init_detector({str(DEMO)!r}, device="cpu", palette="random")\n'
        f'predictions = inference_detector(model, {str(image)!r}).pred_instances\n'
        'print(predictions.bboxes.shape[1], model.bbox_head.num_classes)\n'
    )
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.stdout.strip().endswith('4 10'), result.stderr[-3000:]
