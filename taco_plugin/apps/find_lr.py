"""Finds a learning rate by a short training in which it rises until the loss explodes.

The learning rate range test of `Smith <https://arxiv.org/abs/1506.01186>`_.
"""

import copy
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from scipy.ndimage import gaussian_filter1d
from tqdm import tqdm

from ..command_line import stage
from ..config_files import read_config
from ..errors import InputError, describe_error
from ..files import check_writable, write_files
from ..json_files import to_json
from ..visualization.figure import COLOURS, add_note, new_figure, save_figure, style_axes

LOWEST, HIGHEST = 1e-7, 10.0
_DECADES = np.log10(HIGHEST / LOWEST)
_FEWEST = 100  # iterations, unless fewer are asked for
_EXPLODED = 4  # times the best loss
_SMOOTHED = 0.25  # decades: standard deviation of the window
_LOOP = ('dataloader', 'cfg', 'evaluator')
_EARLY = 5  # iterations in which an error cannot be the fault of the rate


@dataclass
class RangeTest:
    """What a range test has found; rates are those of the optimizer at this batch size.

    Args:
        config: Path of the config.
        batch_size: Images in a step of all processes.
        config_rate: The rate of the config, scaled by ``auto_scale_lr``.
        rates: Learning rate of each iteration.
        losses: Total loss of each iteration, the mean of all processes.
        smoothed: The same, averaged over a quarter of a decade on either side.
        steepest: The rate at which the smoothed loss falls fastest.
        tenth: A tenth of the rate at which it is lowest.
        end: Why the test ended.
    """

    config: str
    batch_size: int
    config_rate: float
    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    steepest: float
    tenth: float
    end: str


class _Finished(Exception):  # noqa: N818
    """Ends the training; its message says why."""


class _RampHook(Hook):
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
        self.rates.append(LOWEST * (HIGHEST / LOWEST) ** done)
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
        keep = 1 - 1 / (1 + _SMOOTHED * self.iterations / _DECADES)
        self._mean = keep * self._mean + (1 - keep) * loss
        self._weight = keep * self._weight + (1 - keep)
        smoothed = self._mean / self._weight
        self._best = min(self._best, smoothed)
        if smoothed > _EXPLODED * self._best:
            raise _Finished(f'the loss was {_EXPLODED} times the best')
        if len(self.losses) == self.iterations:
            raise _Finished('the loss had not exploded at the highest rate')


def find_lr(
    config: str,
    out: str | None,
    cfg_options: Sequence[str],
    *,
    iterations: int | None,
    launcher: str,
) -> str:
    """Tests learning rates, and writes ``find_lr.json`` and ``find_lr.png`` into ``out``.

    Returns:
        What was found and how to use it; empty in all processes but the main one, which alone
        writes.

    Raises:
        InputError: If the config cannot be trained, or its loss does not fall at any rate.
    """
    folder = Path(out or os.path.join('work_dirs', 'find_lr', Path(config).stem))
    check_writable(folder)
    with stage('reading the config and the data'):
        settings = _read_config(config, cfg_options)
    rate = settings.optim_wrapper.optimizer.lr
    ramp = _RampHook(rate, iterations)
    end = _train(copy.deepcopy(settings), ramp, config=config, launcher=launcher)
    if not is_main_process():
        return ''
    batch_size = settings.train_dataloader.batch_size * get_world_size()
    scaling = settings.get('auto_scale_lr') or {}
    base = scaling['base_batch_size'] if scaling.get('enable') else batch_size
    losses = np.array(ramp.losses)
    rates = np.array(ramp.rates[: len(losses)])
    smoothed, steepest, lowest = analyse(rates, losses)
    test = RangeTest(
        config=config,
        batch_size=batch_size,
        config_rate=rate * batch_size / base,
        rates=rates.tolist(),
        losses=losses.tolist(),
        smoothed=smoothed.tolist(),
        steepest=steepest,
        tenth=lowest / 10,
        end=end,
    )
    write_files(folder, {'find_lr.json': to_json(asdict(test), indent=1)})
    save_figure(plot_range_test(test), folder / 'find_lr.png')
    report = _describe(test, settings, factor=base / batch_size)
    return f'{report}\n\nwritten: {folder}/find_lr.json and find_lr.png'


def _read_config(path: str, cfg_options: Sequence[str]) -> Config:
    settings = read_config(path, cfg_options)
    if not (settings.optim_wrapper.get('optimizer') or {}).get('lr'):
        raise InputError(f'{path}: optim_wrapper.optimizer.lr: the config has none; give any rate')
    return settings


def _train(settings: Config, ramp: _RampHook, *, config: str, launcher: str) -> str:
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
            if len(ramp.losses) >= _EARLY and not isinstance(error, torch.OutOfMemoryError):
                return f'the detector failed ({text})'
            raise InputError(f'{config}: {text} (TACO_TRACEBACK=1 shows where)') from error
        finally:
            ramp.bar.close()
    raise AssertionError('the loop has as many epochs as there are iterations')


def analyse(rates: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Smooths the losses of rising rates, both of shape (N,).

    Returns:
        The smoothed losses, the rate at which they fall fastest, and that at which they are lowest.

    Raises:
        InputError: If they do not fall, or there are too few.
    """
    if len(losses) < _EARLY:
        raise InputError(
            f'the loss exploded after {len(losses)} iterations; give more --iterations'
        )
    exponents = np.log10(rates)
    sigma = _SMOOTHED / (exponents[1] - exponents[0])  # in iterations
    clipped = np.minimum(losses, _EXPLODED * losses.min())  # one huge value would lift many
    smoothed = gaussian_filter1d(clipped, sigma, mode='nearest')
    lowest = int(smoothed.argmin())
    if lowest == 0:
        raise InputError('the loss does not fall at any learning rate; try more --iterations')
    slopes = gaussian_filter1d(clipped, 2 * sigma, order=1, mode='nearest')  # are noisier
    first = min(round(sigma / _SMOOTHED), lowest)  # in the first decade, nothing is learnt yet
    steepest = first + int(slopes[first : lowest + 1].argmin())
    return smoothed, float(rates[steepest]), float(rates[lowest])


def plot_range_test(test: RangeTest) -> Figure:
    """Loss over the learning rate, with the suggestions and the rate of the config."""
    title = f'Learning rates for {Path(test.config).name}, {test.batch_size} images in a step'
    figure = new_figure(9, 5, title)
    axes = figure.subplots()
    style_axes(axes, xlabel='Learning rate (logarithmic)', ylabel='Loss', xscale='log')
    axes.plot(test.rates, test.losses, color='black', linewidth=0.6, alpha=0.35, label='loss')
    axes.plot(test.rates, test.smoothed, color='black', linewidth=2.2, label='smoothed')
    marks = {'steepest slope': test.steepest, 'minimum / 10': test.tenth}
    for colour, (name, rate) in zip((COLOURS[4], COLOURS[3]), marks.items(), strict=True):
        loss = np.interp(np.log(rate), np.log(test.rates), test.smoothed)
        axes.plot(rate, loss, 'o', markersize=9, color=colour, label=f'{name}: {rate:.2g}')
    label = f'config: {test.config_rate:.2g}'
    axes.axvline(test.config_rate, color='0.45', linestyle='--', label=label)
    low, high = min(test.smoothed), max(test.smoothed[: int(np.argmin(test.smoothed)) + 1])
    axes.set_ylim(low - 0.2 * (high - low), high + 0.5 * (high - low))
    axes.legend(loc='lower left')
    add_note(figure, [f'The test ended at a rate of {test.rates[-1]:.2g}: {test.end}.'])
    return figure


def _describe(test: RangeTest, settings: Config, *, factor: float) -> str:
    """The suggestions, and what to add to a command to train with them."""
    rate = settings.optim_wrapper.optimizer.lr
    rows = [['config', f'{test.config_rate:.2g}', '']]
    for name, found in ('steepest slope', test.steepest), ('minimum / 10', test.tenth):
        changes = [f'optim_wrapper.optimizer.lr={found * factor:.2g}']
        schedulers = settings.get('param_scheduler') or []
        for index, one in enumerate(schedulers if isinstance(schedulers, list) else []):
            for key in ('eta_min', 'eta_max'):  # which are no fractions of the rate
                if isinstance(one.get(key), float) and one[key]:
                    value = one[key] * found * factor / rate
                    changes.append(f'param_scheduler.{index}.{key}={value:.2g}')
        rows.append([name, f'{found:.2g}', f'--cfg-options {" ".join(changes)}'])
    lines = [f'{name:14}  {found:>7}  {options}'.rstrip() for name, found, options in rows]
    head = (
        f'{Path(test.config).name}: {len(test.rates)} iterations of {test.batch_size} images, '
        f'learning rates from {test.rates[0]:.2g} to {test.rates[-1]:.2g}; {test.end}\n'
    )
    tail = []
    if factor != 1:
        tail = [
            f'\nauto_scale_lr is on: it multiplies optimizer.lr by {1 / factor:g} for batches of '
            f'{test.batch_size}, and what is to be added allows for that'
        ]
    return '\n'.join([head, *lines, *tail])
