"""Training, testing, resuming and several processes, called as a user calls them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from taco_plugin.evaluation.record import read_record

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / 'configs' / 'taco'

# One epoch of 8 images, two at a time, at 64 px.
SHORT = [
    *('load_from=None', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1'),
    *('train_dataloader.batch_size=2', 'default_hooks.logger.interval=1'),
    *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')),
    *(f'{split}_dataloader.persistent_workers=False' for split in ('train', 'val', 'test')),
]
RESIZE = [f'{split}_dataloader.dataset.pipeline.1.scale=(64,64)' for split in ('val', 'test')]
DETR = [
    f'train_dataloader.dataset.pipeline.3.transforms.{place}.scales=[(64,64)]'
    for place in ('0.0', '1.0', '1.2')
]
MOSAIC = [
    'train_dataloader.dataset.pipeline.0.img_scale=(64,64)',
    'train_dataloader.dataset.pipeline.1.border=(-32,-32)',
    'model.data_preprocessor.batch_augments=None',
    *RESIZE,
]
SMALL = {
    'detr': [*DETR, *RESIZE],
    'faster_rcnn': [
        *('train_dataloader.dataset.pipeline.2.scale=(64,64)', *RESIZE),
        *('model.test_cfg.rcnn.score_thr=0.3', 'model.test_cfg.rpn.max_per_img=50'),
        'model.train_cfg.rcnn.sampler.num=64',
    ],
    'retinanet': ['train_dataloader.dataset.pipeline.2.scale=(64,64)', *RESIZE],
    'yolox_nano': [
        *MOSAIC,
        'train_dataloader.dataset.pipeline.4.scale=(64,64)',
    ],
    'demo': [*MOSAIC],
}


@pytest.fixture
def on_small_taco(small_taco, tmp_path, run_tool):
    """Runs a tool on the small data set, with a config of taco10 at a small size."""

    def run(tool: str, leaf: str, *args: object, options: tuple = (), **env: str):
        config = tmp_path / f'{leaf}_taco10.py'
        config.write_text(
            f"_base_ = '{CONFIGS / leaf}.py'\n"
            'from taco_plugin.config import use_taco\n'
            "use_taco(_base_, taxonomy='taco10')\n"
        )
        options = [*SHORT, *SMALL[leaf], *options]
        env = {'TACO_DATA_ROOT': f'{small_taco}/', **env}
        return run_tool(tool, config, *args, '--cfg-options', *options, **env)

    return run


def scores_of(work_dir: Path) -> dict:
    """The last evaluation that a training run logged."""
    log = max(work_dir.glob('*/vis_data/scalars.json'))
    return [json.loads(line) for line in log.read_text().splitlines()][-1]


@pytest.mark.parametrize('leaf', ['detr', 'faster_rcnn', 'retinanet', 'yolox_nano'])
def test_every_detector_trains_and_tests(leaf, on_small_taco, tmp_path):
    trained = on_small_taco('train.py', leaf, '--work-dir', tmp_path)
    assert trained.returncode == 0, trained.stderr[-3000:]
    assert 0 <= scores_of(tmp_path)['coco/bbox_mAP'] <= 1
    checkpoint = tmp_path / 'epoch_1.pth'
    tested = on_small_taco('test.py', leaf, checkpoint, '--work-dir', tmp_path / 'test')
    assert tested.returncode == 0, tested.stderr[-3000:]
    (figures,) = (path.parent for path in (tmp_path / 'test').glob('*/figures/test'))
    assert (figures / 'test' / 'confusion_matrix.png').stat().st_size > 10_000
    (record,) = tmp_path.glob('*/evaluations/val_1.json')
    assert read_record(record).metrics['bbox'].coco['mAP'] == pytest.approx(
        scores_of(tmp_path)['coco/bbox_mAP']
    )
    scores = json.loads(next((tmp_path / 'test').glob('*/*.json')).read_text())
    assert 'coco/bbox_Plastic bag + wrapper_AP' in scores
    assert -1 <= scores['coco/bbox_mAP_50'] <= 1


def test_training_resumes_after_it_was_killed(small_taco, on_small_taco, tmp_path):
    options = ('train_cfg.max_epochs=3', 'train_cfg.val_interval=3')
    slow = (*options, 'train_dataloader.batch_size=1')
    killed = subprocess.Popen(
        [
            *(sys.executable, str(ROOT / 'tools' / 'train.py'), str(CONFIGS / 'demo.py')),
            *('--work-dir', str(tmp_path), '--cfg-options', *SHORT, *SMALL['demo'], *slow),
            'default_hooks.checkpoint.interval=1',
        ],
        env={**os.environ, 'TACO_DATA_ROOT': f'{small_taco}/', 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in killed.stdout:
        if 'Epoch(train) [2][3/8]' in line.replace('[ ', '['):
            break
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_1.pth')
    resumed = on_small_taco('train.py', 'demo', '--work-dir', tmp_path, '--resume', options=slow)
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    assert 'resumed epoch: 1' in resumed.stdout
    assert 'Epoch(train) [1]' not in resumed.stdout
    assert torch.load(tmp_path / 'epoch_3.pth', weights_only=False)['meta']['epoch'] == 3


def test_two_processes_train_and_test(on_small_taco, tmp_path):
    port = {'PORT': '29711'}
    trained = on_small_taco('dist_train.sh', 'demo', 2, '--work-dir', tmp_path, **port)
    assert trained.returncode == 0, trained.stderr[-3000:]
    assert 'Distributed launcher: pytorch' in trained.stdout
    assert 'GPU number: 2' in trained.stdout
    checkpoint = tmp_path / 'best_coco_bbox_mAP_epoch_1.pth'
    together = on_small_taco(
        'dist_test.sh', 'demo', tmp_path, 2, '--work-dir', tmp_path / 'two', **port
    )
    alone = on_small_taco('test.py', 'demo', checkpoint, '--work-dir', tmp_path / 'one')
    assert together.returncode == alone.returncode == 0, together.stderr[-3000:]
    scores = [
        json.loads(next((tmp_path / name).glob('*/*.json')).read_text()) for name in ('one', 'two')
    ]
    for figures in scores:
        figures.pop('time'), figures.pop('data_time')
    assert scores[0] == pytest.approx(scores[1], nan_ok=True)


def test_analysis_tools_read_what_a_run_wrote(small_taco, on_small_taco, run_tool, tmp_path):
    assert on_small_taco('train.py', 'demo', '--work-dir', tmp_path).returncode == 0
    checkpoint, predictions = tmp_path / 'epoch_1.pth', tmp_path / 'predictions.pkl'
    tested = on_small_taco(
        *('test.py', 'demo', checkpoint, '--work-dir', tmp_path, '--out', predictions),
        options=(f'test_evaluator.outfile_prefix={tmp_path}/results', 'model.test_cfg.score_thr=0'),
    )
    assert tested.returncode == 0, tested.stderr[-3000:]
    config, results = tmp_path / 'demo_taco10.py', tmp_path / 'results.bbox.json'
    truth = small_taco / 'annotations' / 'test.json'
    commands = [
        ('confusion_matrix.py', config, predictions, tmp_path),
        ('eval_metric.py', config, predictions),
        ('coco_error_analysis.py', results, tmp_path / 'errors', '--ann', truth),
        ('fuse_results.py', results, results, '--annotation', truth, '--out-dir', tmp_path),
    ]
    for tool, *args in commands:
        result = run_tool(f'analysis_tools/{tool}', *args, TACO_DATA_ROOT=f'{small_taco}/')
        assert result.returncode == 0, f'{tool}: {result.stderr[-3000:]}'
    assert (tmp_path / 'confusion_matrix.png').stat().st_size > 10_000
    assert list((tmp_path / 'errors').rglob('*allclass-allarea.png'))
