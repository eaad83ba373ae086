"""tools/study.py: a small study, killed and run again, and what it refuses."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from taco_plugin.apps.study.definition import read_study
from taco_plugin.apps.study.plan import plan_trials
from taco_plugin.apps.study.trials import Launcher
from taco_plugin.errors import InputError

ROOT = Path(__file__).parents[2]
DEMO = ROOT / 'configs' / 'taco' / 'demo.py'
STUDY = f"""\"\"\"A small study.\"\"\"
taxonomy = 'taco10'
test_fraction = 0.25
val_fraction = 0.25
seeds = [3]
retrain = True
runs = {{
    'plain': {{'config': '{DEMO}', 'options': {{'model.bbox_head.loss_cls.class_weights': None}}}},
    'weighted, hard': {{
        'config': '{DEMO}',
        'options': {{'model.bbox_head.loss_cls.class_weights.scheme': 'hard'}},
    }},
}}
published = [{{'name': 'somebody', 'source': 'a paper', 'AP50': 0.5}}]
"""
NAME = 'weighted, hard'
SMALL = [
    *('train_cfg.max_epochs=2', 'train_cfg.val_interval=1', 'custom_hooks=[]'),
    'default_hooks.checkpoint.interval=1',
    *('train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False'),
    *('val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False'),
    *('test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False'),
    *('train_dataloader.batch_size=2', 'train_dataloader.dataset.pipeline.4.scale=(32,32)'),
    *('train_dataloader.dataset.pipeline.0.img_scale=(32,32)', 'model.backbone.widen_factor=0.125'),
    *('model.neck.in_channels=[32,64,128]', 'train_dataloader.dataset.pipeline.1.border=(-16,-16)'),
]


@pytest.fixture
def study(tmp_path):
    """Path of the study; texts in it may be replaced."""

    def write(**replaced):
        text = STUDY
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / 'study.py').write_text(text)
        return tmp_path / 'study.py'

    return write


def wait_for(folder, pattern):
    deadline = time.monotonic() + 300
    while not list(folder.glob(pattern)) and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_study_that_is_killed_goes_on_to_its_page(study, small_taco, tmp_path):
    out = tmp_path / 'out'
    command = [sys.executable, ROOT / 'tools' / 'study.py', study(), '--out', out, '--runs', NAME]
    command += ['--annotations', small_taco / 'annotations.json', '--cfg-options', *SMALL]
    first = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    wait_for(out, '.lock')
    beside = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    message = f'{out}: a study is running in it; give another --out'
    assert beside.stderr == f'study.py: error: {message}\n'
    wait_for(out, 'runs/*/seed_3_*/train/epoch_1.pth')
    first.send_signal(signal.SIGKILL)
    assert 'It will take about 0:0' in first.communicate()[0]
    again = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600)
    assert again.returncode == 0, again.stderr
    assert '[1/1]' in again.stdout
    states = {}
    for path in out.glob('runs/*/seed_3_*/state.json'):
        states[path.parents[1].name] = msgspec.json.decode(path.read_bytes())
        log = (path.parent / 'retrain.log').read_text()
        epoch = states[path.parents[1].name]['epoch']
        assert f'Epoch(val) [{epoch}]' in log
        assert f'Epoch(train)  [{epoch + 1}]' not in log
        assert 'train 12 images' in log  # of both splits
        assert list((path.parent / 'retrain').glob(f'best_*_epoch_{epoch}.pth'))
        assert not list(path.parent.glob('*/epoch_*.pth'))
    assert set(states) == {'weighted_hard'}
    resumed = [
        path for path in out.glob('runs/*/*/train.log') if 'resumed epoch' in path.read_text()
    ]
    assert resumed
    (dumped,) = out.glob('runs/weighted_hard/*/test/*/vis_data/config.py')
    assert "scheme='hard'" in dumped.read_text()
    page = (out / 'comparison.html').read_text()
    assert all(text in page for text in ('somebody', 'A small study', NAME))

    done = subprocess.run([*map(str, command), '--dry-run'], capture_output=True, text=True)
    assert re.search(f'{NAME} +demo.py +1 +1', done.stdout), done.stdout + done.stderr


def test_what_is_changed_is_another_trial(study, small_taco, tmp_path):
    (tmp_path / 'data').symlink_to(small_taco)
    known = read_study(study())
    known = replace(known, runs=known.runs[:1], retrain=False)
    first, again, shorter = (
        [trial.folder for trial in plan_trials(known, tmp_path, options)]
        for options in ({}, {}, {'train_cfg.max_epochs': 2})
    )
    assert first == again
    assert not set(first) & set(shorter)


@pytest.mark.parametrize(
    ('replaced', 'message'),
    [
        ({'demo.py': 'demmo.py'}, r"study.py: runs\['plain'\]: .*demmo.py: no such file"),
        ({'taxonomy =': 'taxonmy ='}, "Study has no option 'taxonmy', did you mean 'taxonomy'"),
        ({'seeds = [3]': 'seeds = 3'}, 'seeds of Study must be Sequence'),
        ({'seeds = [3]': 'seeds = []'}, 'study.py: seeds must be different, .* but are none'),
        ({'seeds = [3]': 'seeds = [0, 0]'}, 'seeds must be different, .* but are 0, 0'),
        ({'seeds = [3]': 'seeds = [-1]'}, 'seeds must be different, from 0 to 4294967295, but'),
        ({'taxonomy =': 'print(nothing) #'}, "study.py: NameError: name 'nothing' is not defined"),
        ({'runs = {': 'runs = {}; _ = {'}, 'study.py: runs must be a dict of names and configs'),
        ({"'weighted, hard'": "'Plain!'"}, "'plain' and 'Plain!' would share the folder plain"),
        ({"'AP50': 0.5": "'AP50': '0.5'"}, r'study.py: no published results: .* `\$\[0\].AP50`'),
        ({"'options'": "'option'"}, r"runs\['plain'\]: a run has no option 'option', did you mean"),
    ],
)
def test_a_wrong_study_is_refused_in_a_line(replaced, message, study):
    with pytest.raises(InputError, match=message) as error:
        read_study(study(**replaced))
    assert '\n' not in str(error.value)


def test_unknown_keys_of_a_config_are_refused(study, small_taco, tmp_path):
    (tmp_path / 'data').symlink_to(small_taco)
    known = read_study(study())
    message = 'plain: the config has no optim_wrapper.optimizr.lr; did you mean optim_wrapper.opt'
    with pytest.raises(InputError, match=message):
        plan_trials(known, tmp_path, {'optim_wrapper.optimizr.lr': 1})
    assert not (tmp_path / 'runs').exists()


def test_a_list_with_unknown_names_is_refused_before_anything_runs(
    study, small_taco, tmp_path, run_tool
):
    (tmp_path / 'list.txt').write_text('batch_1/000000.jpg\nbatch_77/1.jpg\n')
    options = ['--annotations', small_taco / 'annotations.json', '--out', tmp_path / 'out']
    failed = run_tool('study.py', study(), *options, '--test-images', tmp_path / 'list.txt')
    message = "error: 1 of 2 test images are not in the annotations: 'batch_77/1.jpg'\n"
    assert (failed.returncode, failed.stderr) == (1, f'study.py: {message}')
    assert not list((tmp_path / 'out').glob('runs'))


@pytest.mark.parametrize(
    'path', sorted({*(ROOT / 'configs/studies').glob('*.py')} - {ROOT / 'configs/studies/small.py'})
)
def test_every_study_can_be_planned(path, small_taco, tmp_path, monkeypatch):
    (tmp_path / 'demo').mkdir()
    (tmp_path / 'demo' / 'best_coco_bbox_mAP_epoch_32.pth').touch()
    monkeypatch.setenv('TACO_DEMO', str(tmp_path / 'demo'))
    (tmp_path / 'data').symlink_to(small_taco)
    monkeypatch.setitem(os.environ, 'TACO_DATA_ROOT', f'{small_taco}/')
    study = replace(read_study(path), retrain=False)  # which takes twice as long to write
    trials = plan_trials(study, tmp_path, {})
    assert len({trial.folder for trial in trials}) == len(study.runs) * len(study.seeds)
    assert all(f"taxonomy = '{study.taxonomy}'" in trial.config.read_text() for trial in trials)


def test_the_commands_of_each_launcher(tmp_path):
    config, tools = tmp_path / 'a.py', tmp_path / 'tools'
    options = ['--cfg-options', 'a=1']

    def commands(gpus, partition):
        launcher = Launcher(tools, gpus, partition)
        trained = launcher.train(config, tmp_path / 'train', 'run-0', options)
        return [
            *trained[1:],
            '|',
            *launcher.test(config, tmp_path / 'b.pth', tmp_path, 'run-0')[1:],
        ]

    work, test = f'--work-dir {tmp_path}/train', f'--work-dir {tmp_path}'
    one = f'{tools}/train.py {config} {work} --cfg-options a=1'
    assert (
        ' '.join(commands(1, None)) == f'{one} | {tools}/test.py {config} {tmp_path}/b.pth {test}'
    )
    (tmp_path / 'train').mkdir()
    (tmp_path / 'train' / 'epoch_1.pth').touch()
    several = f'{tools}/dist_train.sh {config} 4 {work} --resume --cfg-options a=1'
    tested = f'{tools}/dist_test.sh {config} {tmp_path}/b.pth 4 {test}'
    assert ' '.join(commands(4, None)) == f'{several} | {tested}'
    job = f'{tools}/slurm_train.sh gpu run-0 {config} {tmp_path}/train --resume --cfg-options a=1'
    tested = f'{tools}/slurm_test.sh gpu run-0 {config} {tmp_path}/b.pth {test}'
    assert ' '.join(commands(4, 'gpu')) == f'{job} | {tested}'
