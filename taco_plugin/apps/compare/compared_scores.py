"""Compares the scores of runs by class, and over what their detectors cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from adjustText import adjust_text
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from ...visualization.figure import (
    add_note,
    empty_figure,
    new_figure,
    plain_numbers,
    show_name,
    style_axes,
)
from .run_styles import add_run_legend, name_runs, run_style, show_runs

_LOG_RANGE = 10
_LEAST_RANGE = 0.1
"""Least range of the score axis; a smaller one would exaggerate differences."""


def plot_compared_classes(
    scores: Mapping[str, Sequence[float | None]], classes: Sequence[str], boxes: Sequence[int]
) -> Figure:
    """AP50 of each class in each run; the class with most true boxes comes first.

    Args:
        scores: Name of each run -> K scores in [0, 1], None for a class without ground truth.
        classes: K names.
        boxes: Number of true boxes of each class.
    """
    title = 'AP50 of each class (and number of its true boxes)'
    shown, table = show_runs(scores), np.array(list(scores.values()), dtype=np.float64)
    known = ~np.isnan(table)
    if not known.any():
        return empty_figure(title, 'no ground truth')
    order = [k for k in np.argsort(np.negative(boxes), kind='stable') if known[:, k].any()]
    figure = new_figure(9, 1.3 + (0.2 + 0.02 * len(shown)) * len(order), title)
    rows = [f'{show_name(classes[k])}  ({boxes[k]})' for k in order]
    draw_rows_of_scores(figure.subplots(), rows, table[:, order])
    add_run_legend(figure, dict(enumerate(shown)), 'Run', linestyle='none')
    evaluated, somewhere = known.sum(axis=1) > 0, known.sum(axis=0) > 0
    missing, partial = ~somewhere, somewhere & (known[evaluated].sum(axis=0) < evaluated.sum())
    notes = name_runs('Not evaluated', shown, ~evaluated)
    names = list(map(show_name, classes))
    notes += name_runs('No ground truth, left out', names, missing)
    some = 'No ground truth in some of the runs, which have no mark there'
    notes += name_runs(some, names, partial)
    add_note(figure, notes)
    return figure


def draw_rows_of_scores(axes: Axes, rows: Sequence[str], scores: np.ndarray) -> None:
    """Draws a row per class with a marker per run; the markers of a row are slightly offset.

    ``rows`` are K labels; ``scores`` have the shape (R, K), NaN for no marker.
    """
    spread = min(0.34, 0.06 * (len(scores) - 1)) * np.linspace(-1, 1, len(scores))
    for number, run in enumerate(scores):
        style = run_style(number, 5.5, linestyle='none', markeredgecolor='white', clip_on=False)
        axes.plot(run, np.arange(len(rows)) + spread[number], **style, markeredgewidth=0.4)
    for row in range(0, len(rows), 2):
        axes.axhspan(row - 0.5, row + 0.5, color='0.95', linewidth=0, zorder=0)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    style_axes(axes, 'x', ylim=(len(rows) - 0.5, -0.5), xlabel='AP50')
    axes.set_xlim(-0.01, max(1.05 * np.nanmax(scores), 0.1))
    if len(rows) > 20:  # the axis below is far from the first rows
        axes.secondary_xaxis('top')


@dataclass(frozen=True)
class Expense:
    """What scores are drawn over: its name, and that of the unit, of which one is ``factor``."""

    name: str
    unit: str
    factor: float

    @property
    def title(self) -> str:
        """The name, as a sentence begins."""
        return self.name.capitalize()


SIZE = Expense('parameters', 'millions', 1e6)
LATENCY = Expense('latency', 'ms', 1e-3)


def plot_scores_over(
    expense: Expense, runs: Mapping[str, tuple[float | None, float | None]]
) -> Figure:
    """mAP50 over an expense, a named point per run; logarithmic beyond a tenfold difference.

    Args:
        expense: :data:`SIZE`, a number of parameters, or :data:`LATENCY`, in seconds.
        runs: Name of each run -> its expense, > 0, and its mAP50 in [0, 1]; None if unknown.
    """
    title = f'mAP50 by {expense.name}'
    points = np.array(list(runs.values()), dtype=np.float64) / [expense.factor, 1]
    shown, (has_expense, has_score) = show_runs(runs), ~np.isnan(points.T)
    names = {n: shown[n] for n in np.flatnonzero(has_expense & has_score).tolist()}
    if not names:
        missing = expense.name if has_score.any() else 'score'
        return empty_figure(title, f'{missing} not known of any run')
    figure = new_figure(9, max(5.5, 2.5 + 0.28 * len(names)), title)
    axes = figure.subplots()
    notes = name_runs('No score', shown, ~has_score)
    notes += name_runs(f'{expense.title} not known', shown, ~has_expense & has_score)
    add_note(figure, notes)
    style_axes(axes, xlabel=f'{expense.title} ({expense.unit})', ylabel='mAP50')
    draw_named_points(figure, axes, points[list(names)], names=names)
    return figure


def draw_named_points(
    figure: Figure, axes: Axes, points: np.ndarray, *, names: Mapping[int, str]
) -> None:
    """Draws points in the style of their runs, with names that do not overlap.

    ``points`` are expense and score for each of the N names, shape (N, 2). The label of the x axis
    says if it is logarithmic.
    """
    for number, point in zip(names, points, strict=True):
        axes.plot(*point, **run_style(number, 8, linestyle='none', markeredgecolor='0.2'))
    _scale(axes, *points.T)
    figure.draw_without_rendering()
    labels = []
    for name, place in zip(names.values(), axes.transData.transform(points), strict=True):
        at_left = axes.transAxes.inverted().transform(place)[0] > 0.6  # names fit on that side
        place += [(-0.12 if at_left else 0.12) * figure.dpi, 0]
        x, y = axes.transData.inverted().transform(place)
        label = axes.text(x, y, name, va='center')
        label.set(ha='right' if at_left else 'left', fontsize=8, in_layout=False)
        labels.append(label)
    adjust_text(
        labels,
        objects=list(axes.lines),
        target_x=points[:, 0],
        target_y=points[:, 1],
        ax=axes,
        avoid_self=False,
        force_pull=0,
        iter_lim=200,
        arrowprops={'arrowstyle': '-', 'color': '0.5', 'linewidth': 0.8},
    )


def _scale(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    middle = (y.min() + y.max()) / 2
    half = max(0.65 * (y.max() - y.min()), _LEAST_RANGE / 2)
    axes.set_ylim(max(middle - half, -0.03), min(middle + half, 1.03))
    margin = max(0.25 * (x.max() - x.min()), 0.1 * x.max())
    axes.set_xlim(max(x.min() - margin, 0), x.max() + margin)
    if x.max() > _LOG_RANGE * x.min():
        label = axes.get_xlabel().replace(')', ', logarithmic)')
        axes.set(xscale='log', xlabel=label)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        plain_numbers(axes.xaxis)
        axes.set_xlim(x.min() / 1.7, x.max() * 1.7)
