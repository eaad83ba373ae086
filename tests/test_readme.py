"""Every command of the README and of docs/, in its order, on a small data set."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / 'README.md').read_text()
PAGES = [README, *(page.read_text() for page in sorted((ROOT / 'docs').glob('*.md')))]
LINES = [
    line.strip()
    for page in PAGES
    for block in re.findall(r'```bash\n(.*?)```', page, flags=re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
# Each once; what needs runs of another page comes last.
LAST = re.compile('compare_runs|post_processing|benchmark_detectors|show_attention')
COMMANDS = sorted(dict.fromkeys(LINES), key=lambda line: bool(LAST.search(line)))
LOADERS = [f'{split}_dataloader' for split in ('train', 'val', 'test')]
TEST = [
    *(f'{loader}.num_workers=0' for loader in LOADERS),
    *(f'{loader}.persistent_workers=False' for loader in LOADERS),
    *(f'{loader}.dataset.pipeline.1.scale=(64,64)' for loader in LOADERS[1:]),
]
# With this seed, DETR's scores after one epoch are far above the 0.05 that an export compares.
TRAIN = ['load_from=None', 'randomness.seed=4', 'train_cfg.max_epochs=1', *TEST]
TRAIN += ['train_cfg.val_interval=1']
DETECTRON2 = [
    *('dataloader.train.num_workers=0', 'dataloader.test.num_workers=0'),
    'dataloader.test.mapper.augmentations.0.short_edge_length=64',
]
TRAIN_DETECTRON2 = [
    *("train.init_checkpoint=''", 'train.max_iter=2', 'train.eval_period=2'),
    'dataloader.train.mapper.augmentations.0.short_edge_length=[64]',
    *('dataloader.train.total_batch_size=2', *DETECTRON2),
]
TRAIN_YAML = (
    "MODEL.WEIGHTS '' SOLVER.MAX_ITER 2 SOLVER.STEPS '(1,)' TEST.EVAL_PERIOD 2 "
    "INPUT.MIN_SIZE_TRAIN '(64,)' INPUT.MIN_SIZE_TEST 64 DATALOADER.NUM_WORKERS 0"
)
SMALL = {
    'detr': [
        f'train_dataloader.dataset.pipeline.3.transforms.{place}.scales=[(64,64)]'
        for place in ('0.0', '1.0', '1.2')
    ],
    'faster_rcnn': [
        'train_dataloader.dataset.pipeline.2.scale=(64,64)',
        *('model.test_cfg.rpn.max_per_img=50', 'model.train_cfg.rcnn.sampler.num=64'),
    ],
}


@pytest.fixture(scope='module')
def checkout(tmp_path_factory, run_tool) -> Path:
    """A folder like the checkout, with a drawn data set in place of TACO, and a stub of srun."""
    root = tmp_path_factory.mktemp('checkout')
    for name in ('configs', 'tools', 'benchmarks', 'taco_plugin', 'tests'):
        (root / name).symlink_to(ROOT / name)
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'MANIFEST.in', 'Makefile'):
        shutil.copy(ROOT / name, root)
    for name in ('constraints.txt', 'taco_plugin.pth'):
        shutil.copy(ROOT / name, root)
    taco = root / 'data' / 'taco'
    drawn = run_tool('dataset_converters/make_sample.py', '--out', taco, '--images', 16)
    assert drawn.returncode == 0, drawn.stderr
    unofficial = json.loads((taco / 'annotations.json').read_text())
    for image in unofficial['images']:
        image['file_name'] = f'unofficial/{image["file_name"]}'
    (taco / 'annotations_unofficial.json').write_text(json.dumps(unofficial))
    (root / 'bin').mkdir()
    srun = root / 'bin' / 'srun'
    # Runs what follows the options, as one process that is not told of any launcher.
    srun.write_text(
        '#!/bin/bash\nwhile [ "$1" != python ]; do shift; done\n'
        'args=("$@"); for i in "${!args[@]}"; do\n'
        '  [ "${args[i]}" = slurm ] && args[i]=none\ndone\nexec "${args[@]}"\n'
    )
    srun.chmod(0o755)
    return root


def shortened(command: str) -> str:
    """The command, at a size that a test can afford."""
    command = command.replace('NNODES=2', 'NNODES=1').replace('10.0.0.1', '127.0.0.1')
    command = command.replace('PARTITION JOB_NAME', 'gpu name')
    command = re.sub(r'(dist_train.sh \S+) \d+', r'\1 2', command)
    command = re.sub(r'(dist_test.sh \S+ \S+) \d+', r'\1 2', command)
    command = re.sub(r'(dist_predict.sh) \d+', r'\1 2', command)
    if command.startswith('make '):
        return f'make --dry-run {command.removeprefix("make ")}'  # test_demo.py runs the demo
    if command.startswith('pip '):
        return f'{command} --dry-run --no-deps --no-build-isolation'
    if command.startswith(('python benchmarks/', 'tools/dataset_converters/download_taco.py')):
        return f'{command} --help'
    if command.startswith('tools/study.py'):  # test_study.py runs one
        short = '--annotations data/taco/annotations.json --dry-run'
        return f'{command} {short if "studies/demo" in command else "--help"}'
    if command.startswith('tools/d2_train.py'):
        options = ' '.join(DETECTRON2 if '--eval-only' in command else TRAIN_DETECTRON2)
        return f'{command} {TRAIN_YAML if ".yaml" in command else options}'
    if 'benchmark_detectors.py' in command:
        command = command.replace(
            'configs/taco/*.py configs/taco/*/*.py', 'configs/taco/yolox_nano.py'
        )
        return f'{command} --size 64 64 --rounds 1 --warm-up 0 --seconds 0'
    option = ' ' if '--cfg-options' in command else ' --cfg-options '
    config = re.search(r'configs/taco/(\w+)\.py', command)
    command = command.replace('find_lr.py', 'find_lr.py --iterations 10')
    command = re.sub(r'--trials \d+', '--trials 1', command)
    if config and re.search(r'(_|/)(train|find_lr|search)\.(py|sh)', command):
        return command + option + ' '.join(f"'{o}'" for o in [*TRAIN, *SMALL[config[1]]])
    if config and re.search(r'(_|/)test\.(py|sh)', command):
        return command + option + ' '.join(f"'{o}'" for o in TEST)
    return command


def test_there_are_commands():
    assert len(COMMANDS) > 15
    assert 'make demo' in COMMANDS


@pytest.mark.parametrize('command', COMMANDS)
def test_command(command, checkout):
    if 'activate' in command:
        pytest.skip('this test runs in an environment that is active already')
    if 'd2' in command and not find_spec('detectron2'):
        pytest.skip('Detectron2 is not installed')
    path = f'{checkout / "bin"}:{Path(sys.executable).parent}:{os.environ["PATH"]}'
    result = subprocess.run(
        ['bash', '-euc', shortened(command)],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, 'PATH': path, 'OMP_NUM_THREADS': '1', 'PORT': '29733'},
    )
    assert result.returncode == 0, f'{shortened(command)}\n{result.stdout}\n{result.stderr}'[-4000:]


@pytest.mark.parametrize('leaf', sorted((ROOT / 'configs' / 'taco').rglob('*.py')))
def test_every_config_is_in_the_table(leaf):
    assert f'| `{leaf.relative_to(ROOT)}` |' in ''.join(PAGES)


def test_the_python_examples_are_configs(tmp_path):
    from mmengine.config import Config

    examples = re.findall(r'```python\n(.*?)```', '\n'.join(PAGES), flags=re.DOTALL)
    configs = [example for example in examples if '_base_' in example]
    assert len(configs) == 6
    for number, example in enumerate(configs):
        path = tmp_path / f'{number}.py'
        path.write_text(example.replace("'./", f"'{ROOT}/configs/taco/"))
        assert 'TacoDataset' in str(Config.fromfile(path).train_dataloader.dataset)
