"""What a training logs of itself and of its validations."""

import json
import re

import pytest
import torch
from mmengine.dataset import BaseDataset, RepeatDataset
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

import taco_plugin.plugin  # noqa: F401 - registers the hook and the log processor

CLASSES = ('Can', *(f'Disposable food container {number}' for number in range(9)))


class Photographs(BaseDataset):
    """Three photographs with a can each; in the last, it is a crowd."""

    METAINFO = {'classes': CLASSES, 'palette': [(0, 0, 0)] * 10}

    def load_data_list(self) -> list[dict]:
        return [
            {
                **{'img_id': number, 'width': 90, 'height': 90},
                'instances': [{'bbox_label': 0, 'ignore_flag': number == 3}],
            }
            for number in (1, 2, 3)
        ]


class Detector(BaseModel):
    """Finds the can in every photograph."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, mode='tensor', **data) -> dict | list:
        if mode == 'loss':
            return {'loss': self.layer.weight.sum()}
        boxes = {'bboxes': torch.tensor([[0.0, 0, 40, 40]]), 'labels': torch.tensor([0])}
        prediction = {**boxes, 'scores': torch.tensor([0.9])}
        return [
            {'img_id': number, 'ori_shape': (90, 90), 'pred_instances': prediction}
            for number in data['img_id']
        ]


@pytest.fixture
def log(tmp_path, capsys):
    """The log of an epoch and its validation, and the scalars that backends got."""
    box = {'bbox': [0, 0, 40, 40], 'area': 1600, 'iscrowd': 0, 'category_id': 1}
    coco = {
        'images': [
            {'id': n, 'file_name': f'{n}.jpg', 'width': 90, 'height': 90} for n in (1, 2, 3)
        ],
        'annotations': [{**box, 'id': number, 'image_id': number} for number in (1, 2, 3)],
        'categories': [{'id': n, 'name': name} for n, name in enumerate(CLASSES, start=1)],
    }
    (tmp_path / 'val.json').write_text(json.dumps(coco))
    loader = {'dataset': Photographs(), 'batch_size': 2, 'num_workers': 0}
    loader |= {'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
    optimizer = {'optimizer': {'type': 'SGD', 'lr': 0.01}, 'accumulative_counts': 4}
    runner = Runner(
        model=Detector(),
        work_dir=str(tmp_path / 'run'),
        train_dataloader={**loader, 'batch_sampler': {'type': 'AspectRatioBatchSampler'}}
        | {'dataset': RepeatDataset(Photographs(), times=2)},
        val_dataloader=loader,
        train_cfg={'by_epoch': True, 'max_epochs': 1},
        val_cfg={},
        val_evaluator=[{'type': 'TacoMetric', 'ann_file': str(tmp_path / 'val.json')}],
        optim_wrapper=optimizer,
        auto_scale_lr={'enable': True, 'base_batch_size': 16},
        default_hooks={'run_summary': {'type': 'RunSummaryHook'}},
        log_processor={'type': 'TacoLogProcessor'},
        default_scope='mmdet',
        experiment_name=tmp_path.name,
    )
    runner.train()
    (scalars,) = (tmp_path / 'run').glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in scalars.read_text().splitlines()]
    return capsys.readouterr().out, rows[-1], runner


def test_a_training_says_what_it_trains_on(log):
    text, _, runner = log
    summary = text.partition('INFO - this training\n')[2].splitlines()[:5]
    assert summary[0].startswith('classes  10: Can, Disposable food container 0, Disposable')
    assert summary[0].endswith(' ...')
    assert summary[1:] == [
        'data     train 3 images (6 in an epoch), 2 boxes; val 3 images, 2 boxes',
        'device   cpu, 1 process',
        'batch    8 images (4 steps accumulated), learning rate 0.00125 (0.01 at 16 images)',
        f'results  {runner.log_dir}',
    ]
    assert max(map(len, summary[:4])) <= 100


def test_a_validation_is_a_table_and_a_short_line(log):
    text, scalars, _ = log
    line, _, table = text.partition('Epoch(val) ')[2].partition('\n')
    assert line.startswith('[1][2/2]    coco/bbox_mAP: 1.0000  ')
    assert re.findall(r'(\S+): ', line) == ['coco/bbox_mAP', 'data_time', 'time']
    assert table.startswith('3 images, 3 boxes, 3 detections\n')
    assert '\nCan                              3  1.000  1.000  1.000\n' in table
    assert '\nDisposable food container 8      0      -      -      -\n' in table
    assert max(map(len, table.partition('food container 8')[0].splitlines())) <= 100
    of_classes = {f'coco/bbox_{name}_{ap}' for name in CLASSES for ap in ('AP', 'AP50', 'AR100')}
    assert of_classes | {'coco/bbox_mAP', 'coco/bbox_mAP_50', 'coco/bbox_study_map'} <= set(scalars)
