"""Reads a training log, and plots loss and validation mAP."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..errors import InputError
from .figure import COLOURS, DASHES, empty_figure, new_figure, say_in, show_name, style_axes

_MOST_PARTS = 8
_SMOOTHED = 40  # a moving average spans 1/40 of the line
_LOG_RANGE = 50
METRIC = 'coco/bbox_mAP'
"""Name of the metric that is plotted."""


def read_scalars(path: str | Path) -> list[dict[str, Any]]:
    """Reads ``<work_dir>/<time>/vis_data/scalars.json``, one JSON object per line.

    A truncated last line, as a crash leaves it, is skipped with a warning.

    Raises:
        InputError: If the file cannot be read or is empty, or any other line is not a JSON object
            with a ``step``.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    except UnicodeDecodeError:
        raise InputError(f'{path}: no log of scalars (not even text)') from None
    lines = [(number, line) for number, line in enumerate(text.split('\n'), 1) if line.strip()]
    rows: list[dict[str, Any]] = []
    for number, line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            if not rows or number < lines[-1][0]:
                raise InputError(f'{path}, line {number}: broken JSON') from None
            _warn(f'{path}: line {number} was cut off and is left out')
            break
        if not isinstance(row, dict) or 'step' not in row:
            raise InputError(f'{path}, line {number}: not a JSON object with a step')
        rows.append(row)
    if not rows:
        raise InputError(f'{path}: is empty, no scalars were logged')
    return rows


def read_detectron2_log(path: str | Path) -> list[dict[str, Any]]:
    """Reads Detectron2's ``metrics.json``, and returns rows as :func:`read_scalars` does.

    What a resumed training did over is left out of the part before, and so are lines that a crash
    cut off, with a warning.

    Raises:
        InputError: If the file cannot be read, or no line has an ``iteration``.
    """
    try:
        lines = Path(path).read_text(encoding='utf-8', errors='replace').split('\n')
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line or 'null')
        except ValueError:
            _warn(f'{path}: line {number} was cut off and is left out')
            continue
        if not isinstance(row, dict) or type(row.get('iteration')) is not int:
            continue
        step = row['iteration'] + 1
        if 'total_loss' in row:
            if any('loss' in known and known['step'] >= step for known in rows):
                rows = [known for known in rows if known['step'] < step]
            parts = {name: value for name, value in row.items() if name.startswith('loss')}
            time = row.get('time', 0.0)
            rows.append({'loss': row['total_loss'], **parts, 'step': step, 'time': time})
        aps = [row[name] for name in row if name.endswith(('bbox/AP', 'segm/AP'))]
        if aps:
            rows.append({METRIC: aps[0] / 100, 'step': step})
    if not rows:
        raise InputError(f'{path}: no log of a Detectron2 training')
    return rows


def _warn(message: str) -> None:
    """Warns through MMEngine's logger, where that is in use."""
    logger = logging.getLogger(__name__)
    if 'mmengine.logging' in sys.modules:
        logger = sys.modules['mmengine.logging'].MMLogger.get_current_instance()
    logger.warning(message)


def plot_training(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Loss and its parts over iterations, and validation mAP with the best one marked.

    If there are more than eight parts, those of one prefix (``d0.loss_cls``, ``d0.loss_bbox``)
    are summed. Losses that are not finite and undefined mAPs are left out and counted.

    Raises:
        InputError: If there are validations in ``rows``, but none has an mAP.
    """
    training = [row for row in rows if 'loss' in row]
    validations = [row for row in rows if 'loss' not in row]
    if not rows:
        return empty_figure('Training', 'nothing was logged')
    known = sorted({key for row in validations for key in row if '/' in key})
    metrics = [key for key in (METRIC, *known) if key in known and key.endswith('_mAP')]
    metric = metrics[0] if metrics else METRIC
    points = [(row['step'], row[metric]) for row in validations if metric in row]
    if validations and not points:
        raise InputError(f'no validation has {METRIC!r}; there are {known}')
    figure = new_figure(13, 5, 'Training')
    left, right = figure.subplots(1, 2)
    left.set(title='Loss', xlabel='Iteration', ylabel='Loss')
    unit = 'Epoch' if not training or 'epoch' in training[0] else 'Iteration'
    right.set(title=f'Validation: {metric}', xlabel=unit, ylabel=metric.split('/')[-1])
    for axes in (left, right):
        style_axes(axes)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _draw_losses(left, training)
    _draw_metric(right, points)
    return figure


def smooth(values: np.ndarray) -> np.ndarray:
    """Moving average over one fortieth of the values.

    >>> smooth(np.array([1.0, 2.0, 4.0]))
    array([1., 2., 4.])
    """
    half = len(values) // (2 * _SMOOTHED)
    if not half:
        return values
    window = np.ones(2 * half + 1)
    number = np.convolve(np.ones(len(values)), window, 'same')  # windows are shorter at the ends
    return np.convolve(values, window, 'same') / number


def _draw_losses(axes: Axes, training: Sequence[Mapping[str, Any]]) -> None:
    if not training:
        say_in(axes, 'no training logged')
        return
    drawn = []
    left_out = 0
    for place, (name, series) in enumerate(_loss_parts(training).items()):
        finite = np.isfinite(series[1])
        left_out += int((~finite).sum())
        x, y = series[:, finite]
        style: dict[str, Any] = {'color': 'black', 'linewidth': 2.2}
        if name != 'loss':
            dashes, colour = divmod(place - 1, len(COLOURS))
            style = {'color': COLOURS[colour], 'linestyle': DASHES[dashes % len(DASHES)]}
        smoothed = smooth(y)
        if not np.array_equal(smoothed, y):
            axes.plot(x, y, color=style['color'], linewidth=0.6, alpha=0.35)
        marker = 'o' if len(y) == 1 else None
        axes.plot(x, smoothed, label=show_name(name), marker=marker, **style)
        drawn.append(smoothed)
    scale_losses(axes, np.concatenate(drawn))
    if left_out:
        axes.set_title(f'Loss ({left_out} values that are not finite are left out)')
    axes.set_xlim(left=0)
    axes.legend(fontsize=8, loc='upper left', bbox_to_anchor=(1.0, 1.0))


def scale_losses(axes: Axes, losses: np.ndarray) -> None:
    """Makes the loss axis logarithmic if the losses have a wide range."""
    losses = losses[losses > 0]
    if len(losses) and np.divide(*np.percentile(losses, [99, 1])) > _LOG_RANGE:
        axes.set_yscale('log', nonpositive='mask')
        axes.set_ylabel('Loss (logarithmic)')


def _loss_parts(training: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Part of the loss -> its iterations and values, shape (2, N), the total first."""
    names = dict.fromkeys(key for row in training for key in row if 'loss' in key)
    groups: dict[str, dict[str, None]] = {'loss': {'loss': None}}
    for name in names:
        prefix, dot, _ = name.partition('.')
        group = f'sum of {prefix}.*' if dot and len(names) - 1 > _MOST_PARTS else name
        groups.setdefault(group, {})[name] = None
    parts = {}
    for group, members in groups.items():
        logged = [(row['step'], [row[n] for n in members if n in row]) for row in training]
        pairs = [(step, sum(values)) for step, values in logged if values]
        parts[group] = np.array(pairs, dtype=np.float64).T
    return parts


def _draw_metric(axes: Axes, points: Sequence[tuple[int, float]]) -> None:
    x, y = np.array([point for point in points if point[1] >= 0], dtype=float).reshape(-1, 2).T
    if not len(x):
        say_in(axes, 'no ground truth' if points else 'no validation logged')
        return
    axes.plot(x, y, color=COLOURS[3], marker='.')
    best = int(np.argmax(y))
    axes.plot(x[best], y[best], '*', color=COLOURS[4], markersize=14, zorder=3)
    where = f'{axes.get_xlabel().lower()} {x[best]:.0f}'
    undefined = f' ({len(points) - len(x)} undefined)' if len(points) > len(x) else ''
    axes.set_title(f'{axes.get_title()}, best {y[best]:.3f} at {where}{undefined}')
    top = 1.1 * y[best] or 1.0
    axes.set(xlim=(0, 1.05 * max(x.max(), 1)), ylim=(-0.02 * top, top))
