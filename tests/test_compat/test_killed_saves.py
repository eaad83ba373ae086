"""A training that is killed at any step of a save resumes, and ends as if undisturbed."""

import multiprocessing
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from taco_plugin import compat
from taco_plugin.checkpoint_files import best_checkpoint
from taco_plugin.compat import checkpoints
from taco_plugin.compat.checkpoints import find_whole_checkpoint
from taco_plugin.errors import InputError

compat.install()

EPOCHS = 24
LOADER = {
    **{'dataset': [torch.ones(1)] * 2, 'batch_size': 1, 'num_workers': 0},
    'sampler': {'type': 'DefaultSampler', 'shuffle': False},
}


class Detector(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.bbox_head = nn.Linear(1, 1)

    def forward(self, inputs, mode='tensor'):
        loss = self.bbox_head(inputs).mean()
        return {'loss': loss} if mode == 'loss' else [loss]


class Improving(BaseMetric):
    """Is better after each epoch than before."""

    def process(self, data_batch, data_samples) -> None:
        self.results.append(-data_samples[0].item())

    def compute_metrics(self, results) -> dict[str, float]:
        return {'mAP': results[0]}


def train(work_dir: Path, kill_at: int | None) -> None:
    """Resumes a training; kills itself before it touches a checkpoint for the n-th time."""
    touched = []

    def count(event: str, args: tuple) -> None:
        writes = event in ('os.rename', 'os.remove') or (
            event == 'open' and 'r' not in str(args[1])
        )
        if writes and ('.pth' in str(args[0]) or 'last_checkpoint' in str(args[0])):
            touched.append(args)
            if len(touched) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    torch.manual_seed(0)
    runner = Runner(
        model=Detector(),
        work_dir=str(work_dir),
        train_dataloader=LOADER,
        val_dataloader=LOADER,
        train_cfg={'by_epoch': True, 'max_epochs': EPOCHS, 'val_interval': 1},
        val_cfg={},
        val_evaluator=[Improving()],
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.01, 'momentum': 0.9}},
        default_hooks={
            'logger': None,
            'checkpoint': {
                **{'type': 'CheckpointHook', 'interval': 1, 'max_keep_ckpts': 1},
                **{'save_best': 'mAP', 'rule': 'greater'},
            },
        },
        resume=True,
        log_level='ERROR',
    )
    sys.addaudithook(count)
    runner.train()


def run(work_dir: Path, kill_at: int | None) -> int | None:
    child = multiprocessing.get_context('fork').Process(target=train, args=(work_dir, kill_at))
    child.start()
    child.join(60)
    return child.exitcode


def load(path: Path | str) -> dict:
    return torch.load(path, weights_only=False)  # written by this test


def test_a_training_killed_twenty_times_ends_as_if_undisturbed(tmp_path):
    killed, undisturbed = tmp_path / 'killed', tmp_path / 'undisturbed'
    done = 0
    for kill_at in range(1, 21):
        assert run(killed, kill_at) == -signal.SIGKILL
        found = find_whole_checkpoint(str(killed))
        before, done = done, load(found)['meta']['epoch'] if found else 0
        assert done >= before
        assert done < 2 or load(best_checkpoint(killed))
    assert 10 < done < EPOCHS
    assert run(killed, None) == run(undisturbed, None) == 0
    checkpoints = {path.name for path in undisturbed.glob('*.pth')}
    assert checkpoints == {f'epoch_{EPOCHS}.pth', f'best_mAP_epoch_{EPOCHS}.pth'}
    for name in checkpoints:
        one, two = load(killed / name), load(undisturbed / name)
        torch.testing.assert_close(one['state_dict'], two['state_dict'], rtol=0, atol=0)
        assert (
            one['message_hub']['runtime_info'].keys() == two['message_hub']['runtime_info'].keys()
        )
    assert best_checkpoint(killed).name == best_checkpoint(undisturbed).name
    assert not list(killed.glob('.new.*'))  # what was being written at a kill


def test_what_is_broken_is_passed_over_by_name(tmp_path, monkeypatch):
    for name in ('epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', 'best_mAP_epoch_3.pth'):
        torch.save({'state_dict': {'weight': torch.ones(99)}}, tmp_path / name)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_4.pth'))
    whole = (tmp_path / 'epoch_3.pth').read_bytes()
    (tmp_path / 'epoch_3.pth').write_bytes(whole[: len(whole) // 2])
    warnings = []
    monkeypatch.setattr(checkpoints, 'print_log', lambda message, *args: warnings.append(message))
    assert find_whole_checkpoint(str(tmp_path)) == str(tmp_path / 'epoch_2.pth')
    assert 'epoch_4.pth can not be found' in warnings[0]
    assert 'epoch_3.pth: cut short' in warnings[1]
    assert len(warnings) == 2
    copied = shutil.copytree(tmp_path, tmp_path / 'copied')
    (copied / 'last_checkpoint').write_text(str(tmp_path / 'epoch_2.pth'))
    assert find_whole_checkpoint(str(copied)) == str(copied / 'epoch_2.pth')
    for path in tmp_path.glob('epoch_*.pth'):
        path.write_bytes(b'')
    with pytest.raises(InputError, match='no whole checkpoint to resume from .*: an empty file'):
        find_whole_checkpoint(str(tmp_path))


def test_a_new_work_dir_has_nothing_to_resume_from(tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(checkpoints, 'print_log', lambda message, *args: warnings.append(message))
    assert find_whole_checkpoint(str(tmp_path)) is None
    assert 'no checkpoint to resume from; a new training' in warnings[0]
