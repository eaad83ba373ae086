"""How a training went."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..errors import InputError
from .figure import COLOURS, empty_figure, new_figure, show_name

_TITLE = 'Training'
_MOST_PARTS = 8
_SMOOTHED = 40
"""Lines are averaged over about one part in so many."""

_LOG_RANGE = 50
_DASHES = ['-', '--', ':', '-.']


def plot_training(rows: Sequence[Mapping[str, Any]], metric: str = 'coco/bbox_mAP') -> Figure:
    """Loss and its parts over iterations, and a metric of the validations with the best marked.

    If there are more than eight parts, those of one prefix (``d0.loss_cls``, ``d0.loss_bbox``)
    are added up.

    Args:
        rows: As :func:`read_scalars` returns them; what is not finite is left out and counted.
        metric: Key of a validation row; its values are better the higher they are, and below 0
            where they are undefined.

    Raises:
        InputError: If no validation has the metric.
    """
    training = [row for row in rows if 'loss' in row]
    validations = [row for row in rows if 'loss' not in row]
    if not training and not validations:
        return empty_figure(_TITLE, 'nothing was logged')
    if validations and not any(metric in row for row in validations):
        known = sorted({key for row in validations for key in row if '/' in key})
        raise InputError(f'no validation has {metric!r}; there are {known}')
    figure = new_figure(13, 5, _TITLE)
    left, right = figure.subplots(1, 2)
    left.set(title='Loss', xlabel='Iteration', ylabel='Loss')
    right.set(title=f'Validation: {show_name(metric)}', ylabel=show_name(metric.split('/')[-1]))
    right.set_xlabel('Epoch' if not training or 'epoch' in training[0] else 'Iteration')
    for axes in (left, right):
        axes.grid(color='0.9')
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _draw_losses(left, training)
    _draw_metric(right, [row for row in validations if metric in row], metric)
    return figure


def smooth(values: np.ndarray) -> np.ndarray:
    """Mean of each value and its neighbours, altogether one part in forty.

    >>> smooth(np.array([1.0, 2.0, 4.0]))
    array([1., 2., 4.])
    """
    half = len(values) // (2 * _SMOOTHED)
    if not half:
        return values
    total = np.append(0.0, np.cumsum(values))
    index = np.arange(len(values))
    first, end = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    return (total[end] - total[first]) / (end - first)


def _draw_losses(axes: Axes, training: Sequence[Mapping[str, Any]]) -> None:
    if not training:
        _say(axes, 'no training logged')
        return
    drawn = []
    left_out = 0
    for place, (name, series) in enumerate(_loss_parts(training).items()):
        finite = np.isfinite(series[1])
        left_out += int((~finite).sum())
        x, y = series[:, finite]
        style: dict[str, Any] = {'color': 'black', 'linewidth': 2.2}
        if name != 'loss':
            dashes = _DASHES[(place - 1) // len(COLOURS) % len(_DASHES)]
            style = {'color': COLOURS[(place - 1) % len(COLOURS)], 'linestyle': dashes}
        smoothed = smooth(y)
        if not np.array_equal(smoothed, y):
            axes.plot(x, y, color=style['color'], linewidth=0.6, alpha=0.35)
        marker = 'o' if len(y) == 1 else None
        axes.plot(x, smoothed, label=show_name(name), marker=marker, **style)
        drawn.append(smoothed[smoothed > 0])
    values = np.concatenate(drawn)
    if len(values) and np.divide(*np.percentile(values, [99, 1])) > _LOG_RANGE:
        axes.set_yscale('log', nonpositive='mask')
        axes.set_ylabel('Loss (logarithmic)')
    if left_out:
        axes.set_title(f'Loss ({left_out} values that are not finite are left out)')
    axes.set_xlim(left=0)
    axes.legend(fontsize=8, loc='upper left', bbox_to_anchor=(1.0, 1.0))


def _loss_parts(training: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Iterations and values of each part, shape (2, N), the total first."""
    names = dict.fromkeys(key for row in training for key in row if 'loss' in key)
    groups: dict[str, list[str]] = {'loss': ['loss']}
    for name in names:
        prefix, dot, _ = name.partition('.')
        group = f'sum of {prefix}.*' if dot and len(names) - 1 > _MOST_PARTS else name
        groups.setdefault(group, [])
        groups[group] = list(dict.fromkeys([*groups[group], name]))
    parts = {}
    for group, members in groups.items():
        pairs = [
            (row['step'], sum(row[name] for name in members if name in row))
            for row in training
            if any(name in row for name in members)
        ]
        parts[group] = np.array(pairs, dtype=np.float64).T
    return parts


def _draw_metric(axes: Axes, validations: Sequence[Mapping[str, Any]], metric: str) -> None:
    points = [(row['step'], row[metric]) for row in validations]
    x, y = np.array([point for point in points if point[1] >= 0], dtype=float).reshape(-1, 2).T
    if not len(x):
        _say(axes, 'no ground truth' if points else 'no validation logged')
        return
    axes.plot(x, y, color=COLOURS[3], marker='.')
    best = int(np.argmax(y))
    axes.plot(x[best], y[best], '*', color=COLOURS[4], markersize=14, zorder=3)
    where = f'{axes.get_xlabel().lower()} {x[best]:.0f}'
    undefined = f' ({len(points) - len(x)} undefined)' if len(points) > len(x) else ''
    axes.set_title(f'{axes.get_title()}, best {y[best]:.3f} at {where}{undefined}')
    top = 1.1 * y[best] or 1.0
    axes.set(xlim=(0, 1.05 * max(x.max(), 1)), ylim=(-0.02 * top, top))


def _say(axes: Axes, message: str) -> None:
    axes.text(0.5, 0.5, message, transform=axes.transAxes, ha='center', fontsize=14, color='0.35')
    axes.set(xticks=[], yticks=[])
