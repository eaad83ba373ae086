"""The search: what is sampled and trained, workers that are killed, and what is refused."""

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

import optuna
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope

import taco_plugin.plugin  # noqa: F401
from taco_plugin.apps.search.search import Search
from taco_plugin.apps.search.space import Space, Target
from taco_plugin.class_counts import type_name, walk
from taco_plugin.errors import InputError
from taco_plugin.evaluation.evaluate import evaluate
from taco_plugin.evaluation.metrics import ScoreSettings
from taco_plugin.evaluation.record import EvaluatedRun

ROOT = Path(__file__).parents[2]
DEMO = str(ROOT / 'configs' / 'taco' / 'demo.py')
LR = 'optim_wrapper.optimizer.lr'
GOOD = f'def space(trial): return {{{LR!r}: trial.suggest_float("rate", 0, 1)}}'
# In place of a training: the higher the learning rate, the better, until it diverges.
TRAIN = """
import json, os, re, sys, time
from pathlib import Path
leaf, work_dir = Path(sys.argv[1]), Path(sys.argv[3])
rate = float(re.search(r'optimizer.lr = (.+)', leaf.read_text())[1])
if rate == 0:
    sys.exit('train.py: error: no such data')
if rate > 0.9:
    raise MemoryError('CUDA out of memory')
folder = work_dir / 'time' / 'evaluations'
folder.mkdir(parents=True)
(work_dir / 'best.pth').touch()
(work_dir / 'pid').write_text(str(os.getpid()))
record = json.loads((Path(__file__).parent / 'record.json').read_text())
for epoch in range(1, 5):
    time.sleep(float(os.environ['PAUSE']))
    record['run'].update(epoch=epoch, iteration=epoch)
    record['metrics']['bbox']['coco']['mAP'] = rate * epoch / 4
    (folder / 'new').write_text(json.dumps(record))
    (folder / 'new').rename(folder / f'val_{epoch}.json')
"""
SMALL = [
    *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')),
    *(f'{split}_dataloader.persistent_workers=False' for split in ('train', 'val', 'test')),
    *('train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'train_dataloader.batch_size=2'),
    *(f'{split}_dataloader.dataset.pipeline.1.scale=(64,64)' for split in ('val', 'test')),
]


@pytest.fixture
def start(coco, tmp_path):
    """Starts the command in a folder whose train.py only pretends to train four epochs."""
    tools, space = tmp_path / 'tools', tmp_path / 'space.py'
    tools.mkdir()
    shutil.copy(ROOT / 'tools' / 'search.py', tools)
    (tools / 'train.py').write_text(TRAIN)
    meta, logger = {'classes': ('Drink can', 'Cigarette')}, logging.getLogger('test')
    record = evaluate(coco, [], ['bbox'], meta=meta, settings=ScoreSettings(), logger=logger).record
    run = EvaluatedRun('val_1', 1, 1, None, '2026-01-02T03:04:05')
    (tools / 'record.json').write_text(json.dumps({**asdict(record), 'run': asdict(run)}))

    def run(first, trials, pause=0.0):
        space.write_text(f'first = [{{"rate": rate}} for rate in {first}]\n{GOOD}')
        command = [sys.executable, tools / 'search.py', DEMO, '--space', space, '--trials', trials]
        command += ['--out', tmp_path / 'out', '--cfg-options', 'train_cfg.max_epochs=4']
        return subprocess.Popen(
            [*map(str, command), 'train_cfg.val_interval=1'],
            **{'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True},
            env={**os.environ, 'PAUSE': str(pause), 'PYTHONPATH': str(ROOT)},
        )

    return run


def trials_of(out):
    backend = optuna.storages.journal.JournalFileBackend(str(out / 'journal.log'))
    return optuna.load_study(
        study_name='out', storage=optuna.storages.JournalStorage(backend)
    ).trials


def wait_for(*files):
    """Waits for the ids of processes that files hold."""
    until = time.monotonic() + 120
    while not all(file.is_file() and file.read_text() for file in files):
        assert time.monotonic() < until, files
        time.sleep(0.05)
    return [int(file.read_text()) for file in files]


def is_alive(process):
    status = Path(f'/proc/{process}/stat')
    return status.exists() and status.read_text().split()[2] != 'Z'


def test_two_workers_share_a_search_and_one_is_killed(start, tmp_path):
    first, out = [0.8, 0.7, 0.6, 0.5, 0.4, 0.3], tmp_path / 'out'
    killed = start(first, 6, pause=600)
    trained = wait_for(out / 'trials' / '0000' / 'pid')
    worker = start(first, 6, pause=0.6)
    trained += wait_for(out / 'trials' / '0001' / 'pid')
    killed.kill()
    printed, stderr = worker.communicate(timeout=240)
    assert (worker.returncode, 'Traceback' in stderr) == (0, False), stderr
    assert not any(map(is_alive, trained))
    trials = trials_of(out)
    states = [trial.state.name for trial in trials]
    assert states.count('FAIL') == 1
    assert states.count('COMPLETE') + states.count('PRUNED') == 6
    assert 'PRUNED' in states
    lost = trials[states.index('FAIL')]
    assert lost.number == 0
    assert [trial.params for trial in trials].count(lost.params) == 2
    assert f'trial {lost.number} was cut off; it will be tried again' in printed
    best = max(trials, key=lambda trial: trial.value or 0)
    assert best.params == {'rate': 0.8}
    assert [path.parent.name for path in out.rglob('*.pth')] == [f'{best.number:04}']
    result = f'Result: coco/bbox_mAP 0.8000 on the validation split, in trial {best.number}.'
    assert result in (out / 'best.py').read_text()
    assert Config.fromfile(out / 'best.py').optim_wrapper.optimizer.lr == 0.8
    rows = (out / 'trials.csv').read_text().splitlines()
    assert rows[lost.number + 1].startswith(f'{lost.number},fail,,')
    assert re.search(rf'^{best.number} +0.8000 +0.8$', printed, re.MULTILINE)
    assert all((out / name).stat().st_size > 9000 for name in ('history.png', 'importance.png'))


def test_ctrl_c_ends_the_training_and_its_parameters_are_tried_again(start, tmp_path):
    worker = start([0.5], 1, pause=60)
    (trained,) = wait_for(tmp_path / 'out' / 'trials' / '0000' / 'pid')
    worker.send_signal(signal.SIGINT)
    printed, _ = worker.communicate(timeout=60)
    assert (worker.returncode, is_alive(trained)) == (130, False)
    assert 'trial 0 was stopped; it will be tried again' in printed
    printed, _ = start([0.5], 1).communicate(timeout=120)
    assert 'trials   1 in all (1 failed, 1 waiting)' in printed
    assert 'trial 1 completed: 0.5000; rate 0.5\n' in printed


def test_a_trial_that_fails_is_one_line_but_a_mistake_of_the_user_ends_all(start, tmp_path):
    log = tmp_path / 'out' / 'trials' / '0000.log'
    worker = start([0.0], 2)
    _, stderr = worker.communicate(timeout=120)
    message = f'search.py: error: trial 0 failed: train.py: error: no such data (see {log})'
    assert (worker.returncode, stderr.splitlines()[-1]) == (1, message)
    shutil.rmtree(tmp_path / 'out')
    printed, _ = start([0.95, 0.5], 1).communicate(timeout=120)
    assert f'trial 0 failed: MemoryError: CUDA out of memory (see {log})\n' in printed
    assert '1 completed, 1 failed; written: ' in printed


def test_what_is_sampled_reaches_the_training(small_taco, run_tool, tmp_path, monkeypatch):
    monkeypatch.setenv('TACO_DATA_ROOT', f'{small_taco}/')
    out, space = tmp_path / 'out', tmp_path / 'space.py'
    space.write_text(
        'def space(trial, config):\n'
        "    steps = [dict(type='YOLOXHSVRandomAug', hue_delta=trial.suggest_int('hue', 1, 9))]\n"
        '    pipeline = [*config.train_pipeline[:2], *steps, *config.train_pipeline[3:]]\n'
        "    return {'param_scheduler.1.eta_min': trial.suggest_float('eta', 1e-5, 1e-3),\n"
        "            'train_dataloader.dataset.pipeline': pipeline}\n"
    )
    command = ('search.py', DEMO, '--space', space, '--trials', 1, '--out', out)
    new = 'randomness.seed=4', 'randomness.deterministic=True'
    done = run_tool(*command, '--metric', 'coco/bbox_mAP_50', '--cfg-options', *SMALL, *new)
    assert done.returncode == 0, done.stderr + done.stdout
    (trial,) = trials_of(out)
    (dumped,) = map(Config.fromfile, out.glob('trials/0000/*/vis_data/config.py'))
    assert dumped.param_scheduler[1].eta_min == trial.params['eta']
    augmentation = {'type': 'YOLOXHSVRandomAug', 'hue_delta': trial.params['hue']}
    assert dumped.train_dataloader.dataset.pipeline[2] == augmentation
    assert dumped.default_hooks.checkpoint.save_best == 'coco/bbox_mAP_50'
    assert dumped.randomness == {'seed': 4, 'deterministic': True}
    best = Config.fromfile(out / 'best.py')
    for key in ('launcher', 'work_dir', 'resume'):  # what the script adds
        dumped.pop(key), best.pop(key, None)
    assert dumped.to_dict() == best.to_dict()
    (record,) = out.glob('trials/0000/*/evaluations/val_1.json')
    assert trial.value == json.loads(record.read_text())['metrics']['bbox']['coco']['mAP_50']


def test_post_processing_scores_as_a_test_does(small_taco, run_tool, tmp_path, monkeypatch):
    monkeypatch.setenv('TACO_DATA_ROOT', f'{small_taco}/')
    truth = json.loads((small_taco / 'annotations/val.json').read_text())
    ids = sorted(category['id'] for category in truth['categories'])
    with torch.random.fork_rng(), DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(0)
        model = MODELS.build(Config.fromfile(DEMO).model)
        model.init_weights()
        head, label = model.bbox_head, ids.index(truth['annotations'][0]['category_id'])
        for level in range(3):  # boxes of a class that is there, which overlap
            head.multi_level_conv_cls[level].bias.data[label] = 2
            head.multi_level_conv_reg[level].bias.data[2:] = 1
            head.multi_level_conv_obj[level].bias.data.fill_(-level)
        torch.save({'state_dict': model.state_dict()}, tmp_path / 'a.pth')
    out, metric = tmp_path / 'out', 'coco/bbox_study_map'
    command = ('search.py', DEMO, '--space', ROOT / 'configs/search/post_processing.py')
    command += ('--trials', 4, '--out', out, '--metric', metric, '--checkpoint', tmp_path / 'a.pth')
    loose = (f'{split}_evaluator.iou_thresholds=[0.05]' for split in ('val', 'test'))
    done = run_tool(*command, '--cfg-options', *SMALL[:6], *loose)
    assert done.returncode == 0, done.stderr
    best = max(trials_of(out), key=lambda trial: trial.value)
    assert best.value > 0
    test = ('test.py', out / 'best.py', tmp_path / 'a.pth', '--work-dir', tmp_path / 'test')
    split = 'test_dataloader.dataset.ann_file=annotations/val.json'
    assert run_tool(*test, '--cfg-options', split).returncode == 0
    (scores,) = (tmp_path / 'test').glob('*/*.json')
    assert json.loads(scores.read_text())[metric] == pytest.approx(best.value, abs=1e-6)


@pytest.mark.parametrize('name', ['loss', 'schedule'])
@pytest.mark.parametrize('leaf', ['demo', 'faster_rcnn', 'cascade_rcnn', 'retinanet', 'yolox'])
def test_spaces_of_ours_fit_detectors_of_all_kinds(name, leaf):
    target = Target(str(ROOT / f'configs/taco/{leaf}.py'), [], 'coco/bbox_mAP')
    space = Space(str(ROOT / f'configs/search/{name}.py'), target)
    fixed = {'gamma': 1.5, 'class_weights': 'none', 'alpha': 0.5, 'warm_up_epochs': 1}
    fixed |= {'lr_factor': 2.0, 'weight_decay_factor': 1.0, 'schedule': 'steps'}
    changed = target.apply(space.sample(optuna.trial.FixedTrial(fixed)))
    before, after = (one.optim_wrapper.optimizer.lr for one in (target.config, changed))
    assert after == before * (2 if name == 'schedule' else 1)
    losses = [node for _, node in walk(changed.model) if type_name(node) == 'WeightedFocalLoss']
    assert len(losses) == (0 if name == 'schedule' else 3 if leaf == 'cascade_rcnn' else 1)
    assert all(MODELS.build(loss).loss.keywords['gamma'] == 1.5 for loss in losses)


def test_options_that_replace_a_dict_reach_the_trials(tmp_path):
    options = [f'optim_wrapper.optimizer.{one}' for one in ('_delete_=True', 'type=SGD', 'lr=0.1')]
    leaf = tmp_path / 'leaf.py'
    leaf.write_text(Target(DEMO, options, 'coco/bbox_mAP').make_leaf(leaf, '', {LR: 0.2}))
    assert Config.fromfile(leaf).optim_wrapper.optimizer == {'type': 'SGD', 'lr': 0.2}


@pytest.mark.parametrize(
    ('text', 'options', 'message'),
    [
        (None, {}, 'space.py: no such space; give a Python file with a space'),
        ('a = 1', {}, r'space.py: has no function space\(trial\)'),
        (
            'def space(trial):\n    return 1 / 0',
            {},
            'space.py, line 2: ZeroDivisionError: division',
        ),
        ('def space(trial):\n    return [1]', {}, 'space.py: space must return a dict .*, not .1.'),
        (f'def space(trial): return {{{LR!r}: float("nan")}}', {}, 'lr must be of plain .* is nan'),
        ('def space(trial): return {"optim_wraper.optimizer.lr": 1}', {}, f'did you mean {LR}'),
        (GOOD, {'storage': 'sqlite:////no/such/folder/a.db'}, '--storage sqlite:.*: cannot be use'),
        (GOOD, {'storage': 'what://a:secret@b'}, r'--storage what://a:\*\*\*@b: cannot be used'),
        (GOOD, {'config': 'none.py'}, 'none.py'),
        (GOOD, {'cfg_options': ['lr']}, '--cfg-options lr: must be KEY=VALUE'),
        (GOOD, {'cfg_options': ['a=[1,', '2]']}, r'--cfg-options a=\[1,: must be KEY=VALUE'),
        (GOOD, {'cfg_options': ['lr.x=1']}, 'demo.py: no config of a training'),
        (GOOD, {'cfg_options': ['val_evaluator.0.x=1']}, 'the config has no val_evaluator.0.x'),
        (GOOD, {'cfg_options': ['train_cfg.max_epochs=0']}, 'train_cfg: has neither max_epochs'),
        (f'first = {{"rate": 1}}\n{GOOD}', {}, 'space.py: first must be a list of dicts'),
        (f'first = [{{"rte": 1}}]\n{GOOD}', {}, "first has 'rte', which space does not suggest"),
        (GOOD, {'checkpoint': 'none.pth'}, '--checkpoint none.pth: no such file'),
    ],
)
def test_what_cannot_be_searched_is_said_in_one_line(tmp_path, monkeypatch, text, options, message):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path('space.py').write_text(text)
    given = {'config': DEMO, 'space': 'space.py', 'out': 'out', 'metric': 'coco/bbox_mAP'}
    given |= {'storage': None, 'checkpoint': None, 'cfg_options': [], **options}
    with pytest.raises((InputError, OSError), match=message) as error:
        Search(Namespace(**given), ROOT / 'tools', 'tools/search.py')
    assert '\n' not in str(error.value)
