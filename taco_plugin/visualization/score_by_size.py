"""What a detector scores for its size."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .figure import add_note, empty_figure, new_figure
from .run_styles import name_runs, run_style, show_runs

_TITLE = 'mAP50 by number of parameters'
_LOG_RANGE = 10
_LEAST_RANGE = 0.1
"""Of the scores that the axis shows; a smaller one would exaggerate differences."""

_SIZE = 8
_POINT = 17
"""Side of the square that a point keeps free, pixels at 100 per inch."""

_HIDDEN, _CROSSED, _COVERED = 60, 1e3, 1e6
"""Costs, in pixels of distance: of a name above or below its point, where others may hide the
line to it; of a line that crosses another name or point; of a name that covers one."""

_GRID = 5
_TRIED = 3000
_SAMPLES = 24
"""Points of a leader that are tested for what lies beneath it."""


def plot_score_by_size(
    names: Sequence[str], parameters: Sequence[float | None], scores: Sequence[float | None]
) -> Figure:
    """A point per run with its name, which covers neither another name nor a point.

    The axis of parameters is logarithmic if they differ more than tenfold.

    Args:
        names: Of R runs.
        parameters: Their number of each run, > 0; None where it is not known.
        scores: mAP50 of each run, in [0, 1]; None, NaN or -1 where there is none.

    Raises:
        InputError: If there is no run, or there are not R numbers.
    """
    shown = show_runs(names, parameters=parameters, scores=scores)
    x = np.array(parameters, dtype=np.float64) / 1e6
    y = np.array(scores, dtype=np.float64)
    has_size, has_score = x > 0, y >= 0
    drawn = np.flatnonzero(has_size & has_score).tolist()
    if not drawn:
        missing = 'number of parameters' if has_score.any() else 'score'
        return empty_figure(_TITLE, f'no run has a known {missing}')
    figure = new_figure(9, max(5.5, 2.5 + 0.28 * len(drawn)), _TITLE)
    axes = figure.subplots()
    for number in drawn:
        style = {**run_style(number, 8), 'linestyle': 'none'}
        axes.plot(x[number], y[number], **style, markeredgecolor='0.2', zorder=3)
    _scale(axes, x[drawn], y[drawn])
    notes = name_runs('No score', shown, ~has_score)
    notes += name_runs('Number of parameters not known', shown, ~has_size & has_score)
    add_note(figure, notes)
    _label(
        figure, axes, np.stack([x, y], axis=1)[drawn], [shown[number] for number in drawn], drawn
    )
    return figure


def _scale(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    axes.set(xlabel='Parameters (millions)', ylabel='mAP50')
    if x.max() > _LOG_RANGE * x.min():
        axes.set_xscale('log')
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel('Parameters (millions, logarithmic)')
        axes.set_xlim(x.min() / 1.7, x.max() * 1.7)
    else:
        margin = max(0.25 * (x.max() - x.min()), 0.1 * x.max())
        axes.set_xlim(max(x.min() - margin, 0), x.max() + margin)
    middle = (y.min() + y.max()) / 2
    half = max(0.65 * (y.max() - y.min()), _LEAST_RANGE / 2)
    axes.set_ylim(max(middle - half, -0.03), min(middle + half, 1.03))
    axes.grid(color='0.9')
    axes.set_axisbelow(True)


def _label(
    figure: Figure, axes: Axes, points: np.ndarray, texts: Sequence[str], numbers: Sequence[int]
) -> None:
    """Writes each text near its point, shape (N, 2), with a line from one to the other."""
    labels = [
        axes.annotate(
            text,
            point,
            xytext=(0, 0),
            textcoords='offset points',
            fontsize=_SIZE,
            annotation_clip=False,
        )
        for text, point in zip(texts, points, strict=True)
    ]
    for label in labels:
        label.set_in_layout(False)
    figure.draw_without_rendering()
    extents = [label.get_window_extent() for label in labels]
    sizes = np.array([(extent.width, extent.height) for extent in extents]) + 4
    scale = figure.dpi / 100
    at = axes.transData.transform(points)
    inside = np.array(axes.get_window_extent().extents)
    corners = place_names(at, sizes, inside, _POINT * scale)
    for label, corner, size, point, number in zip(labels, corners, sizes, at, numbers, strict=True):
        label.set_position((corner + 2 - point) * 72 / figure.dpi)
        end = np.clip(point, corner, corner + size)
        if np.abs(end - point).max() > _POINT * scale:
            line = axes.transData.inverted().transform([point, end])
            axes.plot(*line.T, color=run_style(number)['color'], linewidth=0.8, zorder=1)


def place_names(
    points: np.ndarray, sizes: np.ndarray, inside: np.ndarray, room: float
) -> np.ndarray:
    """Finds a place for the name of each point: near it, over no point and no other name.

    Names whose lines to their points would cross another name or point are put elsewhere if they
    can be. Without any room, a name is put where it covers least.

    Args:
        points: Pixels, shape (N, 2).
        sizes: Width and height of each name, pixels, shape (N, 2).
        inside: Box that the names are to stay in, shape (4,), xyxy.
        room: Side of the square around each point that is to stay free, pixels.

    Returns:
        Lower left corner of each name, shape (N, 2).

    >>> inside = np.array([0, 0, 100, 100])
    >>> place_names(np.array([[50.0, 50.0]]), np.array([[20.0, 10.0]]), inside, room=8)
    array([[55., 45.]])
    """
    taken = np.concatenate([points - room / 2, points + room / 2], axis=1)
    corners = np.zeros_like(points)
    for n in np.lexsort((points[:, 0], -points[:, 1])).tolist():
        corner = _candidates(points[n], sizes[n], inside, room)
        boxes = np.concatenate([corner, corner + sizes[n]], axis=1)
        near = np.clip(points[n], boxes[:, :2], boxes[:, 2:])
        across, along = np.abs(near - points[n]).T
        aside = np.abs(corner[:, 1] + sizes[n, 1] / 2 - points[n, 1])
        cost = across + along + 0.5 * aside + 3 * (corner[:, 0] < points[n, 0])
        cost += _COVERED * _overlaps(boxes, taken)
        cost += _HIDDEN * ((along > room / 2) & (across < 2 * room))
        cheapest = np.argsort(cost, kind='stable')[:_TRIED]
        others = np.delete(taken, n, axis=0)
        crossed = _crosses(points[n], near[cheapest], others)
        best = cheapest[np.argmin(cost[cheapest] + _CROSSED * crossed)]
        corners[n] = corner[best]
        taken = np.concatenate([taken, boxes[best : best + 1]])
    return corners


def _candidates(point: np.ndarray, size: np.ndarray, inside: np.ndarray, room: float) -> np.ndarray:
    """Corners on a grid that has those right and left of the point; shape (C, 2)."""
    right = point + np.array([room / 2 + 1, -size[1] / 2])
    left = right - np.array([room + 2 + size[0], 0])
    corners = []
    for start in (right, left):
        low, high = inside[:2], np.maximum(inside[2:] - size, inside[:2])
        x, y = (
            np.arange(start[i] - (start[i] - low[i]) // _GRID * _GRID, high[i] + 1e-9, _GRID)
            for i in (0, 1)
        )
        corners.append(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    both = np.concatenate(corners)
    return both if len(both) else inside[None, :2].astype(float)


def _overlaps(boxes: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """How many of the boxes taken, shape (M, 4), each box overlaps, shape (C,)."""
    count = np.zeros(len(boxes))
    for x1, y1, x2, y2 in taken:
        beside = (boxes[:, 0] >= x2) | (boxes[:, 2] <= x1)
        count += ~(beside | (boxes[:, 1] >= y2) | (boxes[:, 3] <= y1))
    return count


def _crosses(point: np.ndarray, ends: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether the line from the point to each end, shape (C, 2), meets another box, shape (C,)."""
    along = np.linspace(0, 1, _SAMPLES)[:, None, None] * (ends - point) + point
    x, y = along[..., 0], along[..., 1]
    met = np.zeros(len(ends), dtype=bool)
    for x1, y1, x2, y2 in others:
        met |= np.any((x > x1) & (x < x2) & (y > y1) & (y < y2), axis=0)
    return met
