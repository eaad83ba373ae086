"""Class-by-class matrices: the confusion matrix, and classes that occur together."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..evaluation.curves import normalise
from .figure import add_note, empty_figure, name_classes, new_figure, plain_numbers, show_name

_MOST_WITH_TEXT = 20  # classes; with more, cells show no numbers
_CELL, _CELL_WITH_TEXT, _LEAST_SIDE = 0.24, 0.5, 3.0  # inches; a cell is tall enough for a name
_CHARACTER = 0.07  # inches; average width in a name


def _draw_matrix(
    values: np.ndarray,
    names: Sequence[str],
    title: str,
    *,
    colours: str,
    norm: Normalize,
    texts: np.ndarray | None,
) -> tuple[Figure, Axes, Colorbar]:
    """Draws a matrix with named rows; values that are not above 0 stay white.

    ``values`` and ``texts`` of the cells have the shape (K, K); without texts, cells are small.
    """
    cell = _CELL if texts is None else _CELL_WITH_TEXT
    side = max(len(names) * cell, _LEAST_SIDE) + _CHARACTER * max(map(len, names))
    figure = new_figure(side + 1.9, side + 1.2, title)
    axes = figure.subplots()
    masked = np.ma.masked_where(~(values > 0), values)
    image = axes.imshow(masked, cmap=colormaps[colours].with_extremes(bad='white'), norm=norm)
    places = np.arange(len(names))
    shown = [show_name(name) for name in names]
    axes.set_xticks(places, shown, rotation=90, fontsize=8)
    axes.set_yticks(places, shown, fontsize=8)
    axes.set_xticks(places[1:] - 0.5, minor=True)
    axes.set_yticks(places[1:] - 0.5, minor=True)
    axes.grid(which='minor', color='0.88', linewidth=0.5)
    axes.tick_params(which='minor', length=0)
    rgb = image.to_rgba(masked)[..., :3]
    dark = (rgb @ [0.299, 0.587, 0.114] < 0.5) & ~np.ma.getmaskarray(masked)
    for (row, column), text in () if texts is None else np.ndenumerate(texts):
        color = '0.6' if text == '0' else 'white' if dark[row, column] else 'black'
        if text:
            axes.text(column, row, text, ha='center', va='center', fontsize=8, color=color)
    return figure, axes, figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)


def plot_confusion_matrix(
    matrix: np.ndarray, classes: Sequence[str], normalised: bool = False
) -> Figure:
    """Plots a confusion matrix: true classes by row, predicted by column, background last.

    Cells show numbers if there are at most 20 classes.

    Args:
        matrix: Counts, shape (K + 1, K + 1). The last row counts detections on background, the
            last column missed true boxes.
        classes: K names.
        normalised: Whether to show each row as percentages of its sum.
    """
    title = 'Confusion matrix' + (' (% of each row)' if normalised else ' (boxes)')
    empty = matrix.sum(axis=1) == 0
    if empty.all():
        return empty_figure(title, 'no ground truth and no detections')
    shown = 100 * normalise(matrix) if normalised else matrix.astype(float)
    names = [*classes, 'background']
    norm: Normalize = Normalize(0, 100) if normalised else PowerNorm(0.5, 0, shown.max())
    texts = None
    if len(classes) <= _MOST_WITH_TEXT:
        texts = np.vectorize('{:.0f}'.format, otypes=[object])(shown)
        texts[(shown > 0) & (shown < 1)] = '<1'
        texts[empty], texts[-1, -1] = '', ''
    figure, axes, bar = _draw_matrix(shown, names, title, colours='magma_r', norm=norm, texts=texts)
    bar.set_label('% of the row' if normalised else 'Boxes (square root scale)')
    axes.set(xlabel='Predicted class', ylabel='True class')
    last = len(classes)
    axes.axhline(last - 0.5, color='black', linewidth=1)
    axes.axvline(last - 0.5, color='black', linewidth=1)
    hatched = [(row, 0, last + 1) for row in np.flatnonzero(empty).tolist()]
    for row, column, width in [*hatched, *([] if empty[-1] else [(last, last, 1)])]:
        patch = Rectangle((column - 0.5, row - 0.5), width, 1, hatch='////', linewidth=0)
        patch.set(facecolor='0.93', edgecolor='0.7')
        axes.add_patch(patch)
    notes = ['Background: missed boxes (last column) and detections of nothing (last row).']
    if empty[:-1].all():
        notes.append('No ground truth.')
    elif empty[:-1].any():
        notes.append(f'No ground truth (hatched): {name_classes(classes, empty[:-1])}.')
    if not matrix[:, :-1].any():
        notes.append('No detections.')
    add_note(figure, notes)
    return figure


def plot_cooccurrence(images: np.ndarray, classes: Sequence[str], label: str) -> Figure:
    """Number of images in which two classes occur together; shown as numbers up to 20 classes.

    Args:
        images: Number of images, symmetric, not all 0, shape (K, K); the diagonal counts images
            with several boxes of the class.
        classes: K names.
        label: Name of the file.
    """
    lower = np.tril(images)
    title = f'Classes seen together: {show_name(label)}'
    norm = LogNorm(1, max(2, int(lower.max())))
    texts = np.where(lower > 0, lower.astype(str), '') if len(classes) <= _MOST_WITH_TEXT else None
    figure, axes, bar = _draw_matrix(
        lower, classes, title, colours='viridis_r', norm=norm, texts=texts
    )
    bar.set_label('Images (logarithmic)')
    plain_numbers(bar.ax.yaxis)
    axes.spines[['top', 'right']].set_visible(False)
    add_note(figure, ['Diagonal: images with several boxes of the class.'])
    return figure
