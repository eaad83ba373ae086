"""Which run finds which classes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .figure import add_note, check_shape, empty_figure, name_classes, new_figure, show_name
from .run_styles import add_run_legend, name_runs, run_handle, run_style, show_runs

_TALL = 20
"""Rows from which on the numbers are above them, too."""


def plot_compared_classes(
    names: Sequence[str], classes: Sequence[str], scores: np.ndarray, boxes: np.ndarray
) -> Figure:
    """AP50 of each class under each run, the class with most true boxes first.

    Args:
        names: Of R runs.
        classes: K names.
        scores: In [0, 1], NaN or -1 for a class without ground truth, shape (R, K).
        boxes: Number of true boxes of each class, shape (K,).

    Raises:
        InputError: If there is no run, or the numbers do not fit the names.
    """
    title = 'AP50 of each class (and number of its true boxes)'
    shown = show_runs(names, scores=scores)
    scores = np.array(scores, dtype=np.float64)
    boxes = np.asarray(boxes)
    check_shape('scores', scores, (len(names), len(classes)))
    check_shape('boxes', boxes, (len(classes),))
    scores[~(scores >= 0)] = np.nan
    known = ~np.isnan(scores)
    if not known.any():
        return empty_figure(title, 'no ground truth')
    order = np.lexsort((np.arange(len(classes)), -boxes))
    order = order[known.any(axis=0)[order]]
    row = 0.2 + 0.02 * len(names)
    figure = new_figure(9, 1.3 + row * len(order), title)
    axes = figure.subplots()
    spread = min(0.34, 0.06 * (len(names) - 1)) * np.linspace(-1, 1, len(names))
    for number, run in enumerate(scores):
        style = {**run_style(number, 5.5), 'linestyle': 'none', 'clip_on': False}
        y = np.arange(len(order)) + spread[number]
        axes.plot(run[order], y, **style, markeredgecolor='white', markeredgewidth=0.4)
    _label_rows(axes, [f'{show_name(classes[k])}  ({boxes[k]})' for k in order])
    axes.set_xlim(-0.01, max(1.05 * np.nanmax(scores), 0.1))
    handles = [run_handle(*pair) for pair in enumerate(shown)]
    for handle in handles:
        handle.set_linestyle('none')
    add_run_legend(figure, handles, 'Run')
    add_note(figure, _explain_classes(shown, classes, known))
    return figure


def _label_rows(axes: Axes, labels: Sequence[str]) -> None:
    for row in range(0, len(labels), 2):
        axes.axhspan(row - 0.5, row + 0.5, color='0.95', linewidth=0, zorder=0)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set(ylim=(len(labels) - 0.5, -0.5), xlabel='AP50')
    axes.grid(axis='x', color='0.85')
    axes.set_axisbelow(True)
    if len(labels) > _TALL:
        axes.secondary_xaxis('top')


def _explain_classes(shown: Sequence[str], classes: Sequence[str], known: np.ndarray) -> list[str]:
    evaluated = known.sum(axis=1) > 0
    notes = name_runs('Not evaluated', shown, ~evaluated)
    missing = known.sum(axis=0) == 0
    partial = (known.sum(axis=0) < evaluated.sum()) & ~missing
    if missing.any():
        notes.append(f'No ground truth, left out: {name_classes(classes, missing)}.')
    if partial.any():
        some = name_classes(classes, partial)
        notes.append(f'No ground truth in some of the runs, which have no mark there: {some}.')
    return notes
