"""Which classes are seen together."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from .figure import add_note, check_shape, empty_figure, label_cells, new_figure, show_name

_MOST_WITH_TEXT = 20
_CELL = 0.24
"""In inches; high enough for a name."""

_CELL_WITH_TEXT = 0.42
_LEAST_SIDE = 2.5
_CHARACTER = 0.07
"""Its width in a name."""


def plot_cooccurrence(images: np.ndarray, classes: Sequence[str], label: str) -> Figure:
    """In how many images two classes occur together; cells are numbered up to 20 classes.

    Args:
        images: Numbers of images, symmetric, shape (K, K); on the diagonal, of those with several
            boxes of the class.
        classes: K names.
        label: Of the file.

    Raises:
        InputError: If the numbers do not fit the names.
    """
    title = f'Classes seen together: {show_name(label)}'
    check_shape('images', images, (len(classes), len(classes)))
    lower = np.tril(images)
    if not lower.any():
        return empty_figure(title, 'no image has two boxes')
    with_text = len(classes) <= _MOST_WITH_TEXT
    side = max(len(classes) * (_CELL_WITH_TEXT if with_text else _CELL), _LEAST_SIDE)
    names = [show_name(name) for name in classes]
    margin = _CHARACTER * max(map(len, names))
    figure = new_figure(max(side + margin + 1.9, 5), side + margin + 1.2, title)
    axes = figure.subplots()
    norm = LogNorm(1, max(2, int(lower.max())))
    colours = colormaps['viridis_r']
    image = axes.imshow(np.ma.masked_equal(lower, 0), cmap=colours, norm=norm)
    bar = figure.colorbar(image, fraction=0.04, pad=0.02, format='{x:g}')
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.set_label('Images (logarithmic)')
    label_cells(axes, names, 9 if with_text else 8, color='0.9')
    axes.spines[['top', 'right']].set_visible(False)
    if with_text:
        _write_cells(axes, lower, norm)
    add_note(figure, ['Diagonal: images with several boxes of the class.'])
    return figure


def _write_cells(axes: Axes, lower: np.ndarray, norm: LogNorm) -> None:
    for row, column in zip(*np.nonzero(lower), strict=True):
        count = lower[row, column]
        ink = 'white' if norm(count) > 0.45 else 'black'
        axes.text(column, row, str(count), ha='center', va='center', fontsize=8, color=ink)
