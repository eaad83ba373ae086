"""What a detector looks at in a photograph, for each detection and each chosen point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Rectangle

from ...visualization.photo import Color, Frame, Panel, Photo, draw_panel

_SIDE, _GAP, _TITLE, _HEADING, _NOTE = 230, 12, 40, 26, 30  # pixels of a panel and around it
_DPI, _SHARPNESS = 100, 1.5
_AROUND = (0, 1), (0, 4), (1, 1), (1, 4), (0, 0), (0, 5), (1, 0), (1, 5)
_COLOURS = colormaps['inferno']


@dataclass(frozen=True, eq=False)
class Heat:
    """One map: what a query attends to.

    Args:
        weights: At least 0; shape (rows, columns) for cells that cover an area evenly, or (N,) for
            points.
        area: Width and height of what the cells cover from the photograph's upper left corner on,
            in its pixels; what was padding lies beyond the photograph.
        places: x and y of points as shares of ``area``, shape (N, 2).
    """

    weights: np.ndarray
    area: tuple[float, float]
    places: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps of several queries, by each head of each layer.

    Args:
        weights: Shape (layers, heads, queries, rows, columns) or (layers, heads, queries, points).
        area: As in :class:`Heat`.
        places: As in :class:`Heat`, shape (layers, heads, queries, points, 2).
    """

    weights: np.ndarray
    area: tuple[float, float]
    places: np.ndarray | None = None

    def select(self, layer: int, head: int | None, query: int) -> Heat:
        """The map of a query; None is the mean over the heads, of points the points of them all."""
        weights = self.weights[layer, :, query]
        places = None if self.places is None else self.places[layer, :, query]
        if head is not None:
            return Heat(weights[head], self.area, None if places is None else places[head])
        if places is None:
            return Heat(weights.mean(axis=0), self.area)
        return Heat(weights.ravel() / len(weights), self.area, places.reshape(-1, 2))


@dataclass(frozen=True, eq=False)
class Subject:
    """A detection or a point, with its maps.

    Args:
        title: What it is.
        color: Of its box or its mark.
        place: Its box, xyxy, or its point, x and y, in pixels of the photograph.
        heats: Caption and map of each head to show, or of one head or the mean alone.
        over: The map to lay over the photograph.
    """

    title: str
    color: Color
    place: np.ndarray
    heats: Sequence[tuple[str, Heat]]
    over: Heat


def plot_subjects(
    photo: Photo, detections: Sequence[Subject], points: Sequence[Subject], *, title: str, note: str
) -> Figure:
    """Draws the photograph with the maps of points around it, and those of detections below.

    Each detection has its map over the photograph and beside it; each point has one over it. If
    there are several heads, everything has a row, with the mean over the photograph.
    """
    heads = max((len(one.heats) for one in (*detections, *points)), default=1)
    around = [] if heads > 1 else list(points)[: len(_AROUND)]
    subjects = [*detections, *points] if heads > 1 else list(detections)
    columns = max(4, 1 + heads) if heads > 1 else 6
    cells = _choose_cells(len(subjects), heads, has_points=bool(around))
    rows = max([2, *(1 + row for row, _ in cells)])
    figure, grid = _new_grid(rows, columns, title, note)
    middle = 2 if around else 0
    overview = figure.add_subplot(grid[0:2, middle : middle + 2])
    frames = [Frame(subject.place, subject.color) for subject in detections]
    draw_panel(overview, Panel(photo, photo.name, frames), 2 * _SIDE + _GAP)
    for subject in (*detections, *points):
        _mark(overview, subject)
    for subject, cell in zip(around, _AROUND, strict=False):
        axes = figure.add_subplot(grid[cell])
        _draw(axes, photo, subject, subject.title, subject.over, over=True)
    for subject, (row, column) in zip(subjects, cells, strict=True):
        panels = [(subject.title, subject.over), *subject.heats]
        for index, (caption, heat) in enumerate(panels):
            axes = figure.add_subplot(grid[row, column + index])
            _draw(axes, photo, subject, caption, heat, over=index == 0)
    return figure


def _choose_cells(count: int, heads: int, *, has_points: bool) -> list[tuple[int, int]]:
    """Row and column where each subject begins: in rows of its own, or three in a row."""
    if heads > 1:
        return [(2 + row, 0) for row in range(count)]
    beside = [] if has_points else [(0, 2), (0, 4), (1, 2), (1, 4)]
    return [*beside, *((2 + n // 3, n % 3 * 2) for n in range(count))][:count]


def _new_grid(rows: int, columns: int, title: str, note: str) -> tuple[Figure, GridSpec]:
    width = columns * (_SIDE + _GAP) + _GAP
    height = _HEADING + rows * (_SIDE + _TITLE) + _NOTE
    figure = Figure((width / _DPI, height / _DPI), _SHARPNESS * _DPI)
    head = figure.text(_GAP / width, 1 - 12 / height, title, va='top', fontsize=11, weight='bold')
    head.set_parse_math(False)
    figure.text(_GAP / width, 10 / height, note, va='bottom', fontsize=8, color='0.25')
    left, right = _GAP / width, 1 - _GAP / width
    bottom, top = _NOTE / height, 1 - (_HEADING + _TITLE) / height
    spaces = {'wspace': _GAP / _SIDE, 'hspace': _TITLE / _SIDE}
    grid = figure.add_gridspec(
        rows, columns, left=left, right=right, bottom=bottom, top=top, **spaces
    )
    return figure, grid


def _mark(axes: Axes, subject: Subject) -> None:
    """Writes the first word of a title, a number or a letter, at the box or the point."""
    back, is_box = np.divide(subject.color, 255), len(subject.place) == 4
    text = axes.text(subject.place[0], subject.place[1], subject.title.split()[0], fontsize=8)
    text.set_bbox({'facecolor': back, 'edgecolor': 'none', 'pad': 1.5})
    text.set_color('black' if back @ [0.299, 0.587, 0.114] > 0.5 else 'white')
    text.set(clip_on=True, ha='left' if is_box else 'center', va='top' if is_box else 'center')


def _draw(axes: Axes, photo: Photo, subject: Subject, title: str, heat: Heat, over: bool) -> None:
    """Draws a map over the photograph, or on black, with the box or the point of its subject."""
    is_box = len(subject.place) == 4
    ground = photo if over else Photo(np.zeros((1, 1, 3), np.uint8), photo.size, photo.name)
    frames = [Frame(subject.place, subject.color)] if is_box else []
    draw_panel(axes, Panel(ground, title, frames), _SIDE)
    shares = heat.weights / max(heat.weights.max(), 1e-12)
    drawn: Artist
    if heat.places is None:
        colors = _COLOURS(shares)
        colors[..., 3] = 0.25 + 0.6 * shares if over else 1
        drawn = axes.imshow(colors, extent=(0, heat.area[0], heat.area[1], 0), aspect='auto')
        drawn.set_interpolation('bilinear' if over else 'nearest')
    else:
        order = np.argsort(shares)
        x, y = (heat.places[order] * heat.area).T
        drawn = axes.scatter(x, y, 4 + 40 * shares[order], _COLOURS(0.25 + 0.75 * shares[order]))
        drawn.set(edgecolors='0.2', linewidths=0.3)
    drawn.set_clip_path(Rectangle((0, 0), *photo.size, transform=axes.transData))
    if not is_box:
        _mark(axes, subject)
