"""Overlays the curves and the training logs of several runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...evaluation.curves import MeanCurves
from ...visualization.figure import add_note, empty_figure, new_figure, say_in, style_axes
from ...visualization.training import METRIC, scale_losses, smooth
from .run_styles import add_run_legend, name_runs, run_style, show_runs

Log = Sequence[Mapping[str, Any]]
"""A training log, as :func:`~taco_plugin.visualization.read_scalars` returns it."""

_MARKS = 7
"""Number of markers per line; they are offset between runs."""

_LOSS_NOTE = (
    'Losses of different detectors, or of different kinds, are of different scale: '
    'which of them is lower says nothing about quality.'
)


def plot_compared_curves(curves: Mapping[str, MeanCurves | None]) -> Figure:
    """Mean precision over recall at IoU 0.50, and mean F1 over the confidence threshold.

    Each run has a line, with its best F1 marked. The legend shows its AP50, which is the mean of
    the precision, and its best F1. Curves of a run are None without evaluation or ground truth.
    """
    title = 'Precision by recall at IoU 0.50, and F1 by confidence threshold (means of the classes)'
    if not any(curves.values()):
        return empty_figure('Precision by recall, F1 by threshold', 'no run has ground truth')
    figure = new_figure(14, 5, title)
    left, right = figure.subplots(1, 2)
    style_axes(left, xlabel='Recall', ylabel='Precision')
    style_axes(right, xlabel='Confidence threshold', ylabel='F1')
    for axes in (left, right):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02))
    shown, labels = show_runs(curves), {}
    for number, run in enumerate(curves.values()):
        if run:
            draw_run(left, number, run.recall, y=run.precision)
            best = run.best_threshold, run.best_f1
            draw_run(right, number, run.threshold, y=run.f1, best=best)
            scores = f'AP50 {np.mean(run.precision):.3f}   F1 {run.best_f1:.3f}'
            labels[number] = f'{shown[number]}\n      {scores} at {run.best_threshold:.2f}'
    add_run_legend(figure, labels, 'Run: AP50 and best F1 (large mark)')
    missing = [run is None for run in curves.values()]
    add_note(figure, name_runs('No ground truth, or not evaluated', shown, missing))
    return figure


def plot_compared_training(logs: Mapping[str, Log]) -> Figure:
    """Smoothed total loss over iterations, and validation mAP with the best one marked.

    Validations are drawn over epochs, or over iterations if a run was trained by these.

    Args:
        logs: Name of each run -> its log, empty if there is none. A note lists runs without a log
            or a validation.
    """
    shown = show_runs(logs)
    losses = [_read_points(log, 'loss') for log in logs.values()]
    metrics = [_read_points(log, METRIC, least=0) for log in logs.values()]
    has_log = [len(loss) + len(values) > 0 for loss, values in zip(losses, metrics, strict=True)]
    if not any(has_log):
        return empty_figure('Training', 'no run has a log of its training')
    by_epoch = [any('epoch' in row for row in log) for log in logs.values()]
    rows = zip(losses, by_epoch, strict=True)
    in_iterations = any(len(loss) > 0 and not epoch for loss, epoch in rows)
    figure = new_figure(14, 5, 'Training')
    left, right = figure.subplots(1, 2)
    for number, (loss, values) in enumerate(zip(losses, metrics, strict=True)):
        loss[:, 1] = smooth(loss[:, 1])
        draw_run(left, number, loss[:, 0], y=loss[:, 1])
        if in_iterations and by_epoch[number]:
            values[:, 0] *= _iterations_per_epoch(list(logs.values())[number])
        if len(values):
            best = values[np.argmax(values[:, 1])]
            draw_run(right, number, values[:, 0], y=values[:, 1], best=best)
    _finish(left, 'no training logged', title='Total loss', xlabel='Iteration', ylabel='Loss')
    unit = 'Iteration' if in_iterations else 'Epoch'
    labels = {'title': f'Validation: {METRIC}', 'xlabel': unit, 'ylabel': 'bbox_mAP'}
    _finish(right, 'no validation logged', **labels)
    scale_losses(left, np.concatenate(losses)[:, 1])
    with_log = {number: name for number, name in enumerate(shown) if has_log[number]}
    add_run_legend(figure, with_log, 'Run (large mark: best)')
    no_metric = [log and not len(values) for log, values in zip(has_log, metrics, strict=True)]
    notes = [
        *([_LOSS_NOTE] if sum(has_log) > 1 else []),
        *name_runs('No log of a training', shown, [not log for log in has_log]),
        *name_runs(f'No validation with {METRIC}', shown, no_metric),
    ]
    add_note(figure, notes)
    return figure


def draw_run(
    axes: Axes,
    number: int,
    x: Sequence[float] | np.ndarray,
    *,
    y: Sequence[float] | np.ndarray,
    best: Sequence[float] | np.ndarray | None = None,
) -> None:
    """Draws the line of a run, with its markers offset from those of the next run.

    ``x`` and ``y`` have N numbers each; ``best`` is the point of a large marker.
    """
    step = max(len(x) / _MARKS, 1)
    places = np.unique((step * (np.arange(_MARKS) + (0.17 + 0.38 * number) % 1)).astype(int))
    marked = places[places < len(x)].tolist() if len(x) > 1 else None
    axes.plot(x, y, **run_style(number), linewidth=1.6, markevery=marked)
    if best is not None:
        mark = run_style(number, 9, markeredgecolor='black', zorder=4, clip_on=False)
        axes.plot(*best, **mark)


def _read_points(log: Log, key: str, least: float = -np.inf) -> np.ndarray:
    """Steps and finite values from ``least`` on, shape (N, 2)."""
    points = [(row['step'], row[key]) for row in log if key in row]
    values = np.array(points, dtype=np.float64).reshape(-1, 2)
    return values[np.isfinite(values[:, 1]) & (values[:, 1] >= least)]


def _iterations_per_epoch(log: Log) -> float:
    """The last iteration of an epoch that was logged tells; until then it is too low."""
    return max(row['step'] / row['epoch'] for row in log if row.get('epoch') and 'loss' in row)


def _finish(axes: Axes, message: str, **labels: str) -> None:
    axes.set(**labels)
    if not any(np.size(line.get_xdata()) for line in axes.lines):
        say_in(axes, message)
        return
    style_axes(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(y=0.08)
    axes.set_xlim(left=0)
