"""Runs on one another: their curves and their trainings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..errors import InputError
from .compared_classes import plot_compared_classes
from .figure import add_note, empty_figure, new_figure, show_name
from .run_styles import add_run_legend, name_runs, run_handle, run_style, show_runs
from .score_by_size import plot_score_by_size
from .training import smooth

__all__ = [
    'plot_compared_classes',
    'plot_compared_curves',
    'plot_compared_training',
    'plot_score_by_size',
]

_CURVES = ('recall', 'precision', 'threshold', 'f1')
_BEST = ('best_threshold', 'best_f1')
_MARKS = 7
"""Markers on a line, apart from those of the other runs."""

_LOG_RANGE = 50
_LOSS_NOTE = (
    'Losses of different detectors, or of different kinds, are of different scale: '
    'which of them is lower says nothing about quality.'
)


def plot_compared_curves(
    names: Sequence[str], curves: Sequence[Mapping[str, Any] | None]
) -> Figure:
    """Mean precision over recall at IoU 0.50, and mean F1 over the confidence threshold.

    A line per run, its best F1 marked; the legend has its AP50, which is the mean of the
    precision, and its best F1.

    Args:
        names: Of R runs.
        curves: Of each run ``recall`` and ``precision`` (equally long), ``threshold`` and ``f1``
            (equally long, thresholds ascending), in [0, 1], ``best_threshold`` and ``best_f1``;
            None, or NaN anywhere, for a run without ground truth or evaluation.

    Raises:
        InputError: If there is no run, or a run's curves are not as described.
    """
    title = 'Precision by recall at IoU 0.50, and F1 by confidence threshold (means of the classes)'
    shown = show_runs(names, curves=curves)
    drawn = [_read_curves(name, run) for name, run in zip(names, curves, strict=True)]
    if not any(drawn):
        return empty_figure('Precision by recall, F1 by threshold', 'no run has ground truth')
    figure = new_figure(14, 5, title)
    left, right = figure.subplots(1, 2)
    left.set(xlabel='Recall', ylabel='Precision')
    right.set(xlabel='Confidence threshold', ylabel='F1')
    for axes in (left, right):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02))
        axes.grid(color='0.9')
        axes.set_axisbelow(True)
    handles = []
    for number, run in enumerate(drawn):
        if run is None:
            continue
        _draw_line(left, number, run['recall'], run['precision'])
        _draw_line(right, number, run['threshold'], run['f1'])
        f1, threshold = float(run['best_f1']), float(run['best_threshold'])
        _mark(right, number, threshold, f1)
        ap = run['precision'].mean()
        label = f'{shown[number]}\n      AP50 {ap:.3f}   F1 {f1:.3f} at {threshold:.2f}'
        handles.append(run_handle(number, label))
    add_run_legend(figure, handles, 'Run: AP50 and best F1 (large mark)')
    missing = [run is None for run in drawn]
    add_note(figure, name_runs('No ground truth, or not evaluated', shown, missing))
    return figure


def plot_compared_training(
    names: Sequence[str],
    rows: Sequence[Sequence[Mapping[str, Any]] | None],
    metric: str = 'coco/bbox_mAP',
) -> Figure:
    """Total loss, smoothed, over iterations, and a metric of the validations with the best marked.

    Args:
        names: Of R runs.
        rows: Of each run as :func:`~taco_plugin.visualization.read_scalars` returns them; None or
            empty for a run without a log, which a note names, as it does runs without the metric.
        metric: Key of a validation row; its values are better the higher they are, and below 0
            where they are undefined.

    Raises:
        InputError: If there is no run, or there are not R logs.
    """
    shown = show_runs(names, rows=rows)
    losses = [_read_points(log, 'loss') for log in rows]
    metrics = [_read_points(log, metric, least=0) for log in rows]
    has_log = [bool(len(loss) or len(values)) for loss, values in zip(losses, metrics, strict=True)]
    if not any(has_log):
        return empty_figure('Training', 'no run has a log of its training')
    unit, other_unit = _find_unit(rows)
    figure = new_figure(14, 5, 'Training')
    left, right = figure.subplots(1, 2)
    left.set(title='Total loss', xlabel='Iteration', ylabel='Loss')
    right.set(title=f'Validation: {show_name(metric)}', xlabel=unit)
    right.set_ylabel(show_name(metric.split('/')[-1]))
    for number, (loss, values) in enumerate(zip(losses, metrics, strict=True)):
        _draw_line(left, number, loss[:, 0], smooth(loss[:, 1]))
        if len(values) and not other_unit[number]:
            _draw_line(right, number, *values.T)
            _mark(right, number, *values[np.argmax(values[:, 1])])
    _finish(left, 'no training logged')
    _finish(right, 'no validation logged')
    _scale_losses(left)
    handles = [run_handle(*pair) for pair in enumerate(shown) if has_log[pair[0]]]
    add_run_legend(figure, handles, 'Run (large mark: best)')
    no_metric = [log and not len(values) for log, values in zip(has_log, metrics, strict=True)]
    by_iteration = 'Trained by iterations, not epochs, thus not on the right'
    notes = [
        *([_LOSS_NOTE] if sum(has_log) > 1 else []),
        *name_runs('No log of a training', shown, [not log for log in has_log]),
        *name_runs(f'No validation with {show_name(metric)}', shown, no_metric),
        *name_runs(by_iteration, shown, other_unit),
    ]
    add_note(figure, notes)
    return figure


def _find_unit(rows: Sequence[Sequence[Mapping[str, Any]] | None]) -> tuple[str, list[bool]]:
    """What validations are counted in, and which runs count them in another unit."""
    trainings = [[row for row in log or () if 'loss' in row] for log in rows]
    by_epoch = [any('epoch' in row for row in training) for training in trainings]
    by_iteration = [bool(log) and not epoch for log, epoch in zip(trainings, by_epoch, strict=True)]
    if any(by_iteration) and not any(by_epoch):
        return 'Iteration', [False] * len(rows)
    return 'Epoch', by_iteration


def _read_curves(name: str, run: Mapping[str, Any] | None) -> dict[str, np.ndarray] | None:
    if run is None:
        return None
    missing = [key for key in (*_CURVES, *_BEST) if key not in run]
    if missing:
        raise InputError(f'the curves of {name!r} have no {", ".join(missing)}')
    read = {key: np.asarray(run[key], dtype=np.float64) for key in (*_CURVES, *_BEST)}
    for x, y in (_CURVES[:2], _CURVES[2:]):
        if read[x].ndim != 1 or read[x].shape != read[y].shape or not len(read[x]):
            raise InputError(f'{x} and {y} of {name!r} must be equally many, one or more')
    return None if any(np.isnan(column).any() for column in read.values()) else read


def _read_points(
    log: Sequence[Mapping[str, Any]] | None, key: str, least: float = -np.inf
) -> np.ndarray:
    """Steps and finite values from ``least`` on, shape (N, 2)."""
    points = [(row['step'], row[key]) for row in log or () if key in row]
    values = np.array(points, dtype=np.float64).reshape(-1, 2)
    return values[np.isfinite(values[:, 1]) & (values[:, 1] >= least)]


def _draw_line(axes: Axes, number: int, x: np.ndarray, y: np.ndarray) -> None:
    """A run's line; its markers are at other places than those of the next run."""
    step = max(len(x) / _MARKS, 1)
    places = np.unique((step * (np.arange(_MARKS) + (0.17 + 0.38 * number) % 1)).astype(int))
    marked = places[places < len(x)].tolist() if len(x) > 1 else None
    axes.plot(x, y, **run_style(number), linewidth=1.6, markevery=marked)


def _mark(axes: Axes, number: int, x: float, y: float) -> None:
    axes.plot(x, y, **run_style(number, 9), markeredgecolor='black', zorder=4, clip_on=False)


def _finish(axes: Axes, message: str) -> None:
    if not any(np.size(line.get_xdata()) for line in axes.lines):
        axes.text(
            0.5, 0.5, message, transform=axes.transAxes, ha='center', fontsize=14, color='0.35'
        )
        axes.set(xticks=[], yticks=[])
        return
    axes.grid(color='0.9')
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(y=0.08)
    axes.set_xlim(left=0)


def _scale_losses(axes: Axes) -> None:
    values = np.concatenate([np.asarray(line.get_ydata()) for line in axes.lines])
    values = values[values > 0]
    if len(values) and np.divide(*np.percentile(values, [99, 1])) > _LOG_RANGE:
        axes.set_yscale('log', nonpositive='mask')
        axes.set_ylabel('Loss (logarithmic)')
