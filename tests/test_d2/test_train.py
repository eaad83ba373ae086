"""Training on the drawn sample as a user does: records, best checkpoint, resuming, refusals."""

import json
import logging
import math
import os
import pickle
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip('detectron2', reason='Detectron2 is not installed')

from detectron2.engine import TrainerBase
from detectron2.engine.hooks import EvalHook

from taco_plugin.d2.checkpoints import TacoCheckpointer
from taco_plugin.d2.hooks import EarlyStoppingHook, StopTraining
from taco_plugin.d2.train import launch_main
from taco_plugin.errors import InputError

ROOT = Path(__file__).parents[2]
CONFIG = f"""
from detectron2.config import LazyCall, LazyConfig
from detectron2.data.transforms import ResizeShortestEdge

_config = LazyConfig.load('{ROOT}/configs/d2/demo.py')
model, dataloader, train = _config.model, _config.dataloader, _config.train
optimizer, lr_multiplier = _config.optimizer, _config.lr_multiplier
for _loader in (dataloader.train, dataloader.test):
    _loader.mapper.augmentations = [
        LazyCall(ResizeShortestEdge)(short_edge_length=64, max_size=64)
    ]
    _loader.num_workers = 0
dataloader.train.total_batch_size = 2
train.taco.base_batch_size = 2
train.update(max_iter=4, eval_period=2, log_period=1)
train.checkpointer.update(period=2, max_to_keep=2)
"""


@pytest.fixture
def run(tmp_path, small_taco, monkeypatch, catalogs):
    """Runs the command in this process, with the small config."""
    monkeypatch.setenv('TACO_DATA_ROOT', str(small_taco))
    monkeypatch.chdir(tmp_path)
    config = tmp_path / 'small.py'
    config.write_text(CONFIG)

    def run(*overrides, resume=False, eval_only=False):
        options = {'num_gpus': 1, 'num_machines': 1, 'machine_rank': 0, 'dist_url': 'auto'}
        flags = {'resume': resume, 'eval_only': eval_only, 'opts': list(overrides)}
        launch_main(Namespace(config_file=str(config), **options, **flags))
        return tmp_path / 'work_dirs' / 'd2' / 'small'

    yield run
    for name in ('detectron2', 'fvcore', 'taco_plugin'):
        for handler in list(logging.getLogger(name).handlers):
            logging.getLogger(name).removeHandler(handler)


def trained_iterations(folder):
    rows = map(json.loads, (folder / 'metrics.json').read_text().splitlines())
    return [row['iteration'] for row in rows if 'total_loss' in row]


def test_train_resume_and_test(run, capsys, small_taco):
    folder = run()
    said = capsys.readouterr().out
    for line in (
        'classes  10: Can, Bottle',
        'data     train 8 images',
        'device   cpu, 1 process',
        'batch    2 images, learning rate 0.001, 4 iterations',
        'results  work_dirs/d2/small',
    ):
        assert line in said  # fmt: skip
    assert 'bbox, IoU 0.25/0.5/0.75' in said  # the table of an evaluation
    assert (folder / 'last_checkpoint').read_text() == 'model_final.pth'
    assert {path.name for path in (folder / 'evaluations').iterdir()} == {
        'val_2.json',
        'val_4.json',
    }
    saved = torch.load(folder / 'model_best.pth', weights_only=True)
    assert saved['classes'][0] == 'Can'

    with pytest.raises(InputError, match='there is a training already; go on with it by --resume'):
        run()

    # The newest checkpoint is damaged: the training goes on from the one before.
    (folder / 'model_final.pth').write_bytes((folder / 'model_final.pth').read_bytes()[:1000])
    (folder / 'model_0000003.pth').unlink()
    run('train.max_iter=6', 'train.checkpointer.period=1', resume=True)
    assert 'cut short or damaged' in capsys.readouterr().out
    assert trained_iterations(folder)[4:] == [2, 3, 4, 5]
    assert {path.stem[6:] for path in folder.glob('model_*')} == {
        '0000004',
        '0000005',
        'best',
        'final',
    }

    run(f'train.init_checkpoint={folder}/model_final.pth', eval_only=True)
    record = json.loads((folder / 'evaluations' / 'test.json').read_text())
    assert record['run']['checkpoint'].endswith('model_final.pth')
    truth = json.loads((small_taco / 'annotations' / 'test.json').read_text())
    assert record['images'] == len(truth['images'])


def test_killed_training_is_resumed(run, tmp_path):
    command = [sys.executable, str(ROOT / 'tools' / 'd2_train.py'), '--config-file', 'small.py']
    command += ['--num-gpus', '2', 'train.max_iter=100000', 'train.checkpointer.period=1']
    command += ['train.eval_period=0']
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    folder = tmp_path / 'work_dirs' / 'd2' / 'small'
    deadline = time.monotonic() + 200
    while not (folder / 'model_0000003.pth').exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 'device   cpu, 2 processes' in (folder / 'log.txt').read_text()
    last = 1 + int((folder / 'last_checkpoint').read_text()[len('model_') : -len('.pth')])
    run(f'train.max_iter={last + 2}', 'train.eval_period=0', resume=True)
    assert trained_iterations(folder)[-2:] == [last, last + 1]


UNSAFE = type('Unsafe', (), {'__reduce__': lambda self: (os.system, ('touch ran',))})
CHECKPOINTS = {
    'other classes': (lambda s: s | {'classes': ['a']}, 'trained on the classes'),
    'missing': (
        lambda s: {'model': {k: v for k, v in s['model'].items() if 'weight' not in k}},
        'it has no .*weight',
    ),
    'unexpected': (lambda s: {'model': s['model'] | {'x.y': torch.ones(1)}}, 'x.y that the model'),
    'shape': (lambda s: {'model': {k: v[:1] for k, v in s['model'].items()}}, 'has the shape'),
    'code': (lambda s: {'model': UNSAFE()}, 'refused, as loading this checkpoint could run code'),
}


@pytest.mark.parametrize('case', CHECKPOINTS)
def test_a_checkpoint_that_does_not_fit_is_refused(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = nn.Linear(2, 2)
    change, message = CHECKPOINTS[case]
    torch.save(change({'model': model.state_dict()}), tmp_path / 'a.pth')
    with pytest.raises(InputError, match=message):
        TacoCheckpointer(model, '', ['Can'], exact=True).load(str(tmp_path / 'a.pth'))
    assert not (tmp_path / 'ran').exists()


def test_a_pickle_of_arrays_is_loaded_and_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = {'weight': np.ones((2, 2), np.float32), 'bias': np.zeros(2, np.float32)}
    zoo = {'model': arrays, '__author__': 'Detectron2 Model Zoo'}
    Path('zoo.pkl').write_bytes(pickle.dumps(zoo, protocol=2))
    model = nn.Linear(2, 2)
    TacoCheckpointer(model, '', ['Can']).load('zoo.pkl')
    assert model.weight.tolist() == [[1, 1], [1, 1]]
    Path('bad.pkl').write_bytes(pickle.dumps({'model': UNSAFE(), '__author__': ''}))
    with pytest.raises(InputError, match=r'bad\.pkl: refused, as loading this checkpoint could'):
        TacoCheckpointer(model, '', ['Can']).load('bad.pkl')
    assert not Path('ran').exists()


@pytest.mark.parametrize(
    ('path', 'message'),
    [('no.pth', 'no.pth: no such checkpoint'), ('other.pth', 'none of the 1 weights')],
)
def test_weights_to_fine_tune_from_must_exist_and_fit_somewhere(
    path, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    torch.save({'model': {'x': torch.ones(1)}}, 'other.pth')
    with pytest.raises(InputError, match=message):
        TacoCheckpointer(nn.Linear(2, 2), '', ['Can']).load(path)


class Idle(TrainerBase):
    """Trains nothing."""

    def run_step(self):
        pass


def train_on(tmp_path, metrics, start=0, kept=None, **options):
    """Evaluates every second iteration to the given APs; returns the hook and iterations done."""
    trainer = Idle()
    checkpointer = TacoCheckpointer(nn.Linear(1, 1), str(tmp_path), ['Can'], trainer=trainer)
    hook = EarlyStoppingHook(2, checkpointer, **options)
    if kept:
        hook.load_state_dict(kept)
    scores = iter(metrics)
    trainer.register_hooks([EvalHook(2, lambda: {'bbox': {'AP': next(scores, 0.0)}}), hook])
    try:
        trainer.train(start, 40)
    except StopTraining:
        return hook, trainer.iter + 1
    return hook, trainer.iter


@pytest.mark.parametrize(
    ('metrics', 'options', 'done'),
    [
        ([5.0] * 20, {'patience': 3}, 8),
        ([5.0, 5.05, 5.09] + [5.1] * 17, {'patience': 3}, 8),  # less than min_delta
        ([5.0, 5.2, 5.4, 5.6] + [5.6] * 16, {'patience': 3}, 14),
        ([5.0] * 20, {'patience': 3, 'last_step': 20}, 26),  # the count begins again at 20
        ([5.0, math.nan, math.nan] + [5.0] * 20, {'patience': 3}, 12),
        ([5.0] * 20, {}, 16),  # a third of 20 evaluations
        ([5.0] * 20, {'patience': 3, 'enabled': False}, 40),
    ],
)
def test_training_stops_when_nothing_improves(tmp_path, metrics, options, done):
    assert train_on(tmp_path, metrics, **options)[1] == done


def test_the_count_is_saved_and_resumed(tmp_path):
    train_on(tmp_path, [5.0] * 20, patience=3)  # stops, and saves
    kept = torch.load(tmp_path / 'model_0000007.pth', weights_only=True)
    kept = kept['trainer']['hooks']['EarlyStoppingHook']
    assert (kept['best'], kept['count']) == (5.0, 3)
    assert train_on(tmp_path, [5.0] * 20, start=8, kept=kept, patience=5)[1] == 12


@pytest.mark.parametrize('options', [{'patience': 0}, {'min_delta': -1.0}])
def test_wrong_options_of_early_stopping_are_refused(options):
    with pytest.raises(InputError, match='must be'):
        EarlyStoppingHook(2, None, **options)


def test_mixed_precision_without_a_gpu_is_refused(run):
    if torch.cuda.is_available():
        pytest.skip('there is a GPU')
    with pytest.raises(InputError, match=r'train\.amp\.enabled: mixed precision needs a GPU'):
        run('train.amp.enabled=True')
