"""Which classes are taken for which."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..evaluation.confusion import normalise
from .figure import (
    add_note,
    check_shape,
    empty_figure,
    label_cells,
    name_classes,
    new_figure,
    show_name,
)

_MOST_WITH_TEXT = 20
_SMALLEST_CELL = 0.24
"""In inches; high enough for a name."""

_CELL_WITH_TEXT = 0.5
_LEAST_SIDE = 3.5
_FEW = 8
_CHARACTER = 0.07
"""Its width in a name."""


def plot_confusion_matrix(
    matrix: np.ndarray, classes: Sequence[str], normalised: bool = False
) -> Figure:
    """Rows are true classes, columns predicted ones, the background last.

    Cells are numbered if there are at most 20 classes.

    Args:
        matrix: Counts, shape (K + 1, K + 1). The last row counts detections of nothing, the last
            column true boxes that were missed.
        classes: K names.
        normalised: Whether to show each row in per cent of its sum; a matrix that was divided by
            its sums already gives the same.

    Raises:
        InputError: If the matrix does not fit the names.
    """
    title = 'Confusion matrix' + (' (% of each row)' if normalised else ' (boxes)')
    count = len(classes) + 1
    matrix = np.asarray(matrix, dtype=np.float64)
    check_shape('matrix', matrix, (count, count))
    total = np.nan_to_num(matrix).sum(axis=1)
    if not total.any():
        return empty_figure(title, 'no ground truth and no detections')
    shown = 100 * normalise(matrix) if normalised else matrix
    cell = _CELL_WITH_TEXT if len(classes) <= _MOST_WITH_TEXT else _SMALLEST_CELL
    side = max(count * cell, _LEAST_SIDE)
    names = [*map(show_name, classes), 'background']
    labels = _CHARACTER * max(map(len, names))
    figure = new_figure(side + labels + 1.9, side + labels + 1.2, title)
    axes = figure.subplots()
    norm: Normalize = Normalize(0, 100) if normalised else PowerNorm(0.5, 0, shown.max())
    colours = colormaps['magma_r'].with_extremes(bad='white')
    image = axes.imshow(np.ma.masked_where(~(shown > 0), shown), cmap=colours, norm=norm)
    bar = figure.colorbar(image, fraction=0.04, pad=0.02)
    bar.set_label('% of the row' if normalised else 'Boxes (square root scale)')
    _label(axes, names)
    empty = total == 0
    for row in np.flatnonzero(empty).tolist():
        _hatch(axes, row, 0, count)
    if not empty[-1]:
        _hatch(axes, count - 1, count - 1, 1)
    if len(classes) <= _MOST_WITH_TEXT:
        _write_cells(axes, shown, empty, colours, norm)
    add_note(figure, _explain(matrix, classes, empty[:-1]))
    return figure


def _label(axes: Axes, names: list[str]) -> None:
    label_cells(axes, names, 9 if len(names) <= _MOST_WITH_TEXT + 1 else 8, color='0.88')
    for draw_line in (axes.axhline, axes.axvline):
        draw_line(len(names) - 1.5, color='black', linewidth=1)
    axes.set_xlabel('Predicted class')
    axes.set_ylabel('True class')


def _hatch(axes: Axes, row: int, column: int, width: int) -> None:
    corner = (column - 0.5, row - 0.5)
    axes.add_patch(
        Rectangle(corner, width, 1, facecolor='0.93', edgecolor='0.7', hatch='////', linewidth=0)
    )


def _write_cells(
    axes: Axes, shown: np.ndarray, empty: np.ndarray, colours: Colormap, norm: Normalize
) -> None:
    last = len(shown) - 1
    size = 8 if len(shown) > _FEW else 11
    for (row, column), value in np.ndenumerate(shown):
        if empty[row] or row == column == last:
            continue
        red, green, blue, _ = colours(norm(value))
        dark = value > 0 and 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        text = '<1' if 0 < value < 1 else f'{value:.0f}'
        color = '0.6' if value == 0 else 'white' if dark else 'black'
        axes.text(column, row, text, ha='center', va='center', fontsize=size, color=color)


def _explain(matrix: np.ndarray, classes: Sequence[str], missing: np.ndarray) -> list[str]:
    notes = ['Background: missed boxes (last column) and detections of nothing (last row).']
    if missing.all():
        notes.append('No ground truth.')
    elif missing.any():
        notes.append(f'No ground truth (hatched): {name_classes(classes, missing)}.')
    if not np.nan_to_num(matrix[:, :-1]).any():
        notes.append('No detections.')
    return notes
