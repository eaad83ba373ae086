"""Finds a learning rate by a short training in which it rises until the loss explodes.

The learning rate range test of `Smith <https://arxiv.org/abs/1506.01186>`_.
"""

import copy
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process
from scipy.ndimage import gaussian_filter1d

from ...command_line import stage
from ...config_files import read_config
from ...errors import InputError
from ...files import check_writable, write_files
from ...json_files import to_json
from ...visualization.figure import COLOURS, add_note, new_figure, save_figure, style_axes
from .ramp import EARLY, EXPLODED, SMOOTHED, RampHook, train


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
    ramp = RampHook(rate, iterations)
    end = train(copy.deepcopy(settings), ramp, config=config, launcher=launcher)
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


def analyse(rates: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Smooths the losses of rising rates, both of shape (N,).

    Returns:
        The smoothed losses, the rate at which they fall fastest, and that at which they are lowest.

    Raises:
        InputError: If they do not fall, or there are too few.
    """
    if len(losses) < EARLY:
        raise InputError(
            f'the loss exploded after {len(losses)} iterations; give more --iterations'
        )
    exponents = np.log10(rates)
    sigma = SMOOTHED / (exponents[1] - exponents[0])  # in iterations
    clipped = np.minimum(losses, EXPLODED * losses.min())  # one huge value would lift many
    smoothed = gaussian_filter1d(clipped, sigma, mode='nearest')
    lowest = int(smoothed.argmin())
    if lowest == 0:
        raise InputError('the loss does not fall at any learning rate; try more --iterations')
    slopes = gaussian_filter1d(clipped, 2 * sigma, order=1, mode='nearest')  # are noisier
    first = min(round(sigma / SMOOTHED), lowest)  # in the first decade, nothing is learnt yet
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
