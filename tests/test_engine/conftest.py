import itertools

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import taco_plugin.plugin  # noqa: F401 - registers the hook

counter = itertools.count()


class Images(Dataset):
    """Two batches of one."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.ones(1)

    def update_skip_type_keys(self, keys: tuple[str, ...]) -> None:
        """YOLOXModeSwitchHook calls it."""


class Detector(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.bbox_head = nn.Linear(1, 1)

    def forward(self, inputs, mode='tensor'):
        loss = self.bbox_head(inputs).mean()
        return {'loss': loss} if mode == 'loss' else [loss]


class Figures(BaseMetric):
    """Evaluates to what a test has written down, and then to the last of it again and again."""

    default_prefix = 'coco'

    def __init__(self, values: list[float], key: str) -> None:
        super().__init__()
        self.values = list(values)
        self.key = key

    def process(self, data_batch, data_samples) -> None:
        self.results.append(0)

    def compute_metrics(self, results) -> dict[str, float]:
        return {self.key: self.values.pop(0) if len(self.values) > 1 else self.values[0]}


@pytest.fixture
def train_toy(tmp_path, caplog):
    """Trains a toy; returns how many epochs or iterations it took, and what was logged."""

    def run(values, train_cfg, key='bbox_mAP', resume=False, stopping=(), interval=-1, **settings):
        settings.setdefault('optim_wrapper', {'optimizer': {'type': 'SGD', 'lr': 0.01}})
        by_epoch = 'max_iters' not in train_cfg
        sampler = {'type': 'DefaultSampler' if by_epoch else 'InfiniteSampler', 'shuffle': False}
        loader = {'dataset': Images(), 'batch_size': 1, 'num_workers': 0, 'sampler': sampler}
        validation = {**loader, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
        runner = Runner(
            model=Detector(),
            work_dir=str(tmp_path),
            train_dataloader=loader,
            val_dataloader=validation,
            train_cfg=dict({'by_epoch': by_epoch}, **train_cfg),
            val_cfg={},
            val_evaluator=[Figures(values, key)],
            default_hooks={
                'logger': None,
                'checkpoint': {
                    **{'type': 'CheckpointHook', 'interval': interval, 'by_epoch': by_epoch},
                    **{'save_best': f'coco/{key}', 'rule': 'greater', 'save_last': False},
                },
                'early_stopping': {'type': 'TacoEarlyStoppingHook', **dict(stopping)},
            },
            resume=resume,
            default_scope='mmdet',
            experiment_name=f'early_stopping_{next(counter)}',
            log_level='WARNING',
            **settings,
        )
        caplog.clear()
        runner.logger.addHandler(caplog.handler)
        runner.train()
        logged = [record.getMessage() for record in caplog.records]
        done = runner.epoch if by_epoch else runner.iter
        return done, '\n'.join(line for line in logged if 'early' in line)

    return run
