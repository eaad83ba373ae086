"""A short training in which the learning rate rises until the loss explodes."""

from tempfile import TemporaryDirectory

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tqdm import tqdm

from ...errors import InputError, describe_error

_LOWEST, _HIGHEST = 1e-7, 10.0
EXPLODED = 4  # times the best loss
SMOOTHED = 0.25  # decades: standard deviation of the window
EARLY = 5  # iterations in which an error cannot be the fault of the rate
_DECADES = np.log10(_HIGHEST / _LOWEST)
_FEWEST = 100  # iterations, unless fewer are asked for
_LOOP = ('dataloader', 'cfg', 'evaluator')


class _Finished(Exception):  # noqa: N818
    """Ends the training; its message says why."""


class RampHook(Hook):
    """Raises all learning rates together, and records the loss, until it explodes."""

    priority = 'VERY_LOW'

    def __init__(self, rate: float, iterations: int | None) -> None:
        self.rate, self.iterations = rate, iterations
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._mean = self._weight = 0.0
        self._best = np.inf
        self.bar = tqdm(disable=True)

    def before_train(self, runner: Runner) -> None:
        """Notes by what factor the rate of each group differs from the config's."""
        self.iterations = self.iterations or max(_FEWEST, len(runner.train_dataloader))
        groups = runner.optim_wrapper.param_groups
        self._factors = [group['lr'] / self.rate for group in groups]
        hidden = not is_main_process()
        self.bar = tqdm(None, 'training', self.iterations, disable=hidden, delay=2)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | tuple | list | None = None
    ) -> None:
        """Sets the rates of this iteration."""
        assert self.iterations is not None
        done = len(self.losses) / max(self.iterations - 1, 1)
        self.rates.append(_LOWEST * (_HIGHEST / _LOWEST) ** done)
        for group, factor in zip(runner.optim_wrapper.param_groups, self._factors, strict=True):
            group['lr'] = self.rates[-1] * factor

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | tuple | list | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Records the loss, the same in all processes, so that they end together."""
        assert outputs is not None
        assert self.iterations is not None
        total = torch.as_tensor(outputs['loss']).detach().clone().float()
        all_reduce(total, 'mean')
        loss = total.item()
        if not np.isfinite(loss):
            if not self.losses:
                raise InputError(
                    f'the loss is {loss} in the first iteration, at a learning rate of '
                    f'{self.rates[0]:g}: look for the reason in the data, the weights or the losses'
                )
            raise _Finished(f'the loss was {loss}')
        self.losses.append(loss)
        self.bar.update()
        keep = 1 - 1 / (1 + SMOOTHED * self.iterations / _DECADES)
        self._mean = keep * self._mean + (1 - keep) * loss
        self._weight = keep * self._weight + (1 - keep)
        smoothed = self._mean / self._weight
        self._best = min(self._best, smoothed)
        if smoothed > EXPLODED * self._best:
            raise _Finished(f'the loss was {EXPLODED} times the best')
        if len(self.losses) == self.iterations:
            raise _Finished('the loss had not exploded at the highest rate')


def train(settings: Config, ramp: RampHook, *, config: str, launcher: str) -> str:
    """Trains, leaving nothing behind; returns why the training has ended."""
    default_hooks = dict.fromkeys(('timer', 'logger', 'param_scheduler', 'checkpoint'))
    class_check = (settings.get('default_hooks') or {}).get('class_check')
    loops = [f'{split}_{part}' for split in ('val', 'test') for part in _LOOP]
    changes = {
        **dict.fromkeys([*loops, 'param_scheduler', 'auto_scale_lr', 'custom_hooks']),
        **{'launcher': launcher, 'resume': False, 'log_level': 'ERROR'},
        'train_cfg': {'by_epoch': True, 'max_epochs': ramp.iterations or _FEWEST},
        'default_hooks': {**default_hooks, 'class_check': class_check},
        'visualizer': {'type': 'Visualizer', 'vis_backends': []},
    }
    for key, value in changes.items():  # Config.update would merge
        settings[key] = value
    settings.setdefault('randomness', {'seed': 0})
    with TemporaryDirectory() as settings.work_dir:
        try:
            runner = Runner.from_cfg(settings)
            runner.register_hook(ramp)
            runner.train()
        except (InputError, OSError):
            raise
        except _Finished as finished:
            return str(finished)
        except Exception as error:
            text = describe_error(error)
            # Weights that have exploded may make any part of a detector fail.
            if len(ramp.losses) >= EARLY and not isinstance(error, torch.OutOfMemoryError):
                return f'the detector failed ({text})'
            raise InputError(f'{config}: {text} (TACO_TRACEBACK=1 shows where)') from error
        finally:
            ramp.bar.close()
    raise AssertionError('the loop has as many epochs as there are iterations')
