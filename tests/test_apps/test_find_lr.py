"""The learning rate finder, on the demo's config: what it suggests, writes and refuses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from taco_plugin.apps.find_lr.find_lr import analyse, find_lr
from taco_plugin.errors import InputError

ROOT = Path(__file__).parents[2]
DEMO = str(ROOT / 'configs' / 'taco' / 'demo.py')
SMALL = [
    *('train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False'),
    *('train_dataloader.batch_size=2', 'train_dataloader.dataset.pipeline.4.scale=(32,32)'),
    *('train_dataloader.dataset.pipeline.0.img_scale=(32,32)', 'model.backbone.widen_factor=0.125'),
    *('model.neck.in_channels=[32,64,128]', 'train_dataloader.dataset.pipeline.1.border=(-16,-16)'),
]


@pytest.fixture
def find(small_taco, tmp_path, monkeypatch):
    """Runs the finder for a short time in this process; returns its report and its record."""
    monkeypatch.setenv('TACO_DATA_ROOT', f'{small_taco}/')
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*options, config=DEMO, iterations=16):
        report = find_lr(config, None, [*SMALL, *options], iterations=iterations, launcher='none')
        return report, json.loads((tmp_path / 'work_dirs/find_lr/demo/find_lr.json').read_text())

    return run


def test_rates_are_those_of_a_curve_that_was_made_up():
    rates = np.logspace(-7, 1, 400)
    exponents = np.log10(rates)
    fall = 10 - 4 / (1 + np.exp(-(exponents + 3) * 4))  # around 0.001
    losses = fall + np.random.default_rng(0).normal(0, 0.3, 400)
    losses[exponents > -1] += 10 ** (3 * (exponents[exponents > -1] + 1)) - 1  # from 0.1 on
    losses[:10] += 5  # by chance
    smoothed, steepest, lowest = analyse(rates, losses)
    assert 0.0005 < steepest < 0.002
    assert 0.01 < lowest < 0.2
    assert abs(smoothed[50:150] - fall[50:150]).max() < 0.2
    rising = losses[:300].max() + np.arange(400)
    with pytest.raises(InputError, match='the loss does not fall at any learning rate'):
        analyse(rates, rising)


def test_it_writes_and_prints_its_results_and_leaves_nothing_else(find, tmp_path):
    report, record = find()
    written = sorted(path.name for path in tmp_path.rglob('*') if path.is_file())
    assert written == ['find_lr.json', 'find_lr.png']
    assert record['rates'][0] == 1e-7
    assert len(record['rates']) == len(record['losses']) == len(record['smoothed'])
    steps = np.diff(np.log10(record['rates']))
    assert steps == pytest.approx(np.full(len(steps), 8 / 15))  # 1e-7 to 10, unless it ends early
    assert (record['batch_size'], record['config_rate']) == (2, 0.008)
    rate = f'{record["steepest"]:.2g}'
    eta_min = f'{record["steepest"] / 20:.2g}'
    line = f'--cfg-options optim_wrapper.optimizer.lr={rate} param_scheduler.1.eta_min={eta_min}'
    assert re.search(rf'^steepest slope +{rate}  {line}$', report, re.MULTILINE), report
    assert 'auto_scale_lr' not in report
    report, scaled = find('auto_scale_lr.enable=True')
    assert scaled['losses'] == record['losses']  # the same test, every time
    assert scaled['config_rate'] == 0.002
    found, given = re.search(r'minimum / 10 +(\S+) .*optimizer.lr=(\S+) ', report).groups()
    assert float(found) == pytest.approx(record['tenth'], rel=0.05)
    assert float(given) == pytest.approx(record['tenth'] * 4, rel=0.05)
    assert 'it multiplies optimizer.lr by 0.25 for batches of 2, and what is to be added' in report


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['model.bbox_head.loss_obj.loss_weight=nan'], 'the loss is nan in the first iteration, a'),
        (['train_dataloader=None'], 'demo.py: train_dataloader: the config has none, so that noth'),
        (
            ['optim_wrapper.optimizer.lr=None'],
            r'optimizer.lr: the config has none; give any rate',
        ),
        (['model.bbox_head.num_classes=3'], 'num_classes is 3, but the data set has 10 classes'),
        (['model.backbone.depth=3'], r'demo.py: .*depth.* \(TACO_TRACEBACK=1 shows where\)'),
        (['lr'], '^--cfg-options lr: must be KEY=VALUE'),
    ],
)
def test_what_cannot_be_tested_is_said_in_one_line(find, tmp_path, options, message):
    with pytest.raises(InputError, match=message) as error:
        find(*options)
    assert '\n' not in str(error.value)
    assert not [path for path in tmp_path.rglob('*') if path.is_file()]


def test_two_processes_find_one_rate(small_taco, tmp_path):
    command = [
        *(sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2'),
        *('--master_port=29743', ROOT / 'tools/analysis_tools/find_lr.py', DEMO),
        *('--launcher', 'pytorch', '--iterations', 16, '--out', 'out', '--cfg-options', *SMALL),
    ]
    result = subprocess.run(
        [*map(str, command)],
        **{'cwd': tmp_path, 'capture_output': True, 'text': True, 'timeout': 600},
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'TACO_DATA_ROOT': f'{small_taco}/'},
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.count('iterations of 4 images') == 1
    written = sorted(path.name for path in tmp_path.rglob('*') if path.is_file())
    assert written == ['find_lr.json', 'find_lr.png']
