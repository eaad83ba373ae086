"""In one process, and run as a script in two: frozen until its epoch, trained after, resumable."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmdet.models import ResNet
from mmengine.dist import all_gather, is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import taco_plugin.plugin  # noqa: F401 - registers the hook
from taco_plugin.errors import InputError

PARTS = {'backbone': 2, 'backbone.layer4': 1}
SGD = {'type': 'SGD', 'lr': 0.01, 'momentum': 0.9, 'weight_decay': 0.1}
ADAMW = {'type': 'AdamW', 'lr': 0.01, 'weight_decay': 0.1}


class Images(Dataset):
    """Eight images of noise."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(index)
        return {'inputs': torch.randn(3, 64, 64, generator=generator)}


class Detector(BaseModel):
    def __init__(self, **settings) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.backbone = ResNet(18, base_channels=4, norm_eval=False, **settings)
        self.bbox_head = nn.Linear(32, 1)

    def forward(self, inputs, mode='tensor'):
        (_, _, _, features) = self.backbone(torch.stack(inputs))
        return {'loss': (self.bbox_head(features.mean((2, 3))) - 1).square().mean()}


class Observer(Hook):
    """Copies weights and statistics before and after every epoch, and sees that processes agree."""

    priority = 'VERY_LOW'

    def __init__(self) -> None:
        self.states = []

    def before_train(self, runner) -> None:
        self.after_train_epoch(runner)

    def after_train_epoch(self, runner) -> None:
        model = getattr(runner.model, 'module', runner.model)
        self.states.append(copy.deepcopy(model.state_dict()))
        for parameter in model.parameters():
            first, *others = all_gather(parameter.detach())
            assert all(torch.equal(first, other) for other in others)


def train(folder, parts=PARTS, optimizer=SGD, launcher='none', load_from=None, **settings):
    """Trains four epochs; returns states before and after each."""
    observer = Observer()
    runner = Runner(
        model=Detector(**settings),
        work_dir=str(folder),
        train_dataloader={
            **{'dataset': Images(), 'batch_size': 2, 'num_workers': 0},
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        },
        train_cfg={'by_epoch': True, 'max_epochs': 4},
        optim_wrapper={'optimizer': optimizer},
        param_scheduler={'type': 'MultiStepLR', 'milestones': [3], 'gamma': 0.5},
        default_hooks={'logger': None},
        custom_hooks=[{'type': 'GradualUnfreezingHook', 'unfreeze_at': parts}, observer],
        load_from=load_from and str(load_from),
        resume=bool(load_from),
        default_scope='mmdet',
        experiment_name=f'{folder}{load_from}',
        launcher=launcher,
        log_level='WARNING',
    )
    runner.train()
    return observer.states, runner


def check_states(states):
    """Each weight and each statistic is frozen, to the bit, and later trained."""
    for name in states[0]:
        of_layer4 = name.startswith('backbone.layer4.')
        frozen = 0 if name.startswith('bbox_head.') else 1 if of_layer4 else 2
        for epoch, (before, after) in enumerate(zip(states, states[1:], strict=False)):
            assert torch.equal(before[name], after[name]) == (epoch < frozen), (name, epoch)


def check_resumed(folder, states, **settings):
    """After each of the epochs, a training can be resumed, and ends in the same state."""
    for epoch in (1, 2, 3):
        path = folder / f'epoch_{epoch}.pth'
        resumed, _ = train(folder / f'from_{epoch}', load_from=path, **settings)
        assert len(resumed) == 5 - epoch
        if is_main_process():  # whose statistics of BatchNorm are those of the checkpoint
            assert all(torch.equal(value, resumed[-1][name]) for name, value in states[-1].items())


@pytest.mark.parametrize('optimizer', [SGD, ADAMW])
def test_a_part_is_frozen_until_its_epoch_and_then_trained(tmp_path, optimizer):
    states, runner = train(tmp_path, optimizer=optimizer)
    assert len(states) == 5
    check_states(states)
    check_resumed(tmp_path, states, optimizer=optimizer)
    optimizer = runner.optim_wrapper.optimizer
    assert len(optimizer.state) == len(list(runner.model.parameters()))
    assert [group['lr'] for group in optimizer.param_groups] == [0.005]
    if isinstance(optimizer, torch.optim.AdamW):
        counts = {n: int(optimizer.state[p]['step']) for n, p in runner.model.named_parameters()}
        assert counts['bbox_head.bias'] == 16
        assert counts['backbone.layer4.0.conv1.weight'] == 12
        assert counts['backbone.conv1.weight'] == 8


def test_two_processes_freeze_and_train_the_same(tmp_path):
    env = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(Path(__file__).parents[2])}
    script = [sys.executable, __file__, tmp_path]
    result = subprocess.run(script, capture_output=True, text=True, env=env)
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in tmp_path.glob('rank_*')) == ['rank_0', 'rank_1']


def test_what_the_model_itself_freezes_stays_frozen(tmp_path, capsys):
    states, runner = train(tmp_path, {'backbone': 1}, frozen_stages=1)
    message = 'backbone.conv1.weight, and 15 in all, stays frozen: the model freezes it itself'
    assert message in capsys.readouterr().out
    frozen = {name for name, one in runner.model.named_parameters() if not one.requires_grad}
    assert len(frozen) == 15
    for name, value in states[-1].items():
        fixed = name.startswith(('backbone.conv1.', 'backbone.bn1.', 'backbone.layer1.'))
        assert torch.equal(value, states[0][name]) == fixed, name


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        ({'backbone.layer5': 1}, r"no part 'backbone.layer5'; it has backbone.layer\d, backbone.l"),
        ({'backbone.layer1': 1}, "nothing of 'backbone.layer1' can be trained: the model freezes"),
        ({'backbone': 1, 'bbox_head': 2}, 'all parts are frozen at first, nothing is trained'),
        ({'backbone': -1}, r"numbers of epochs, 0 or more, but is {'backbone': -1}"),
    ],
)
def test_parts_that_cannot_be_frozen_are_named(tmp_path, parts, message):
    with pytest.raises(InputError, match=message):
        train(tmp_path, parts, frozen_stages=1)


def work(rank, folder):
    """One of two processes."""
    place = {'RANK': str(rank), 'LOCAL_RANK': str(rank), 'WORLD_SIZE': '2'}
    os.environ.update(place, MASTER_ADDR='127.0.0.1', MASTER_PORT='29751')
    states, _ = train(folder, launcher='pytorch')
    check_states(states)
    check_resumed(folder, states, launcher='pytorch')
    (folder / f'rank_{rank}').touch()


if __name__ == '__main__':
    torch.multiprocessing.start_processes(work, (Path(sys.argv[1]),), nprocs=2, start_method='fork')
