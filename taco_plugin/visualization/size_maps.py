"""How wide and high boxes and images are."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from .class_distribution import check_files
from .figure import COLOURS, add_note, check_shape, empty_figure, new_figure, show_name

_CELLS = 40
_PANEL = 3.0
_BESIDE, _BELOW = 0.95, 0.75
"""Inches: a side of a panel, and what its labels take."""

_PIXELS = (1, 10, 100, 1000, 10_000)
_SHARES = (0.001, 0.01, 0.1, 1)
"""Ticks; the first and the last are the limits, and what is beyond counts as at them."""

_ROOTS = (32, 96)
"""Of the areas that part COCO's sizes."""

_MOST_SIZES = 500
_DISC = 1500
"""Its area in square points, if all images of a file are of one size."""

_LEAST_DISC = 8
_MOST_TICKS = 5


def plot_box_sizes(
    native: Sequence[np.ndarray], relative: Sequence[np.ndarray], labels: Sequence[str]
) -> Figure:
    """Heat maps of width by height: in pixels above, relative to the image's sides below.

    Both axes are logarithmic. A cross is at the medians, and dotted lines are where the product of
    the sides parts COCO's small, medium and large boxes.

    Args:
        native: Of each of F files, widths and heights in pixels, above 0, shape (N, 2).
        relative: The same as shares of the image's, in (0, 1], shape (N, 2).
        labels: F names.

    Raises:
        InputError: If there are more than six files, or one of the two is not of their boxes.
    """
    check_files(labels)
    title = 'Width and height of boxes'
    if not any(map(len, native)):
        return empty_figure(title, 'no boxes')
    for pixels, shares in zip(native, relative, strict=True):
        check_shape('relative', shares, (len(pixels), 2))
    figure = new_figure(1.2 + (_PANEL + _BESIDE) * len(labels), 0.4 + 2 * (_PANEL + _BELOW), title)
    panels = figure.subplots(2, len(labels), squeeze=False)
    maps: list[QuadMesh] = []
    for axes, sides, label in zip(panels[0], native, labels, strict=True):
        maps += _draw_map(axes, sides, _PIXELS)
        axes.set(xlabel='Width (px)', ylabel='Height (px)')
        axes.set_title(f'{show_name(label)}\n{len(sides)} boxes', fontsize=10)
        _draw_bounds(axes)
    for axes, sides in zip(panels[1], relative, strict=True):
        maps += _draw_map(axes, sides, _SHARES)
        axes.set(xlabel='Width (% of the image)', ylabel='Height (% of the image)')
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda share, _: f'{100 * share:g}'))
    most = max(2.0, *(float(mesh.get_array().max()) for mesh in maps))  # type: ignore[union-attr]
    for mesh in maps:
        mesh.set_norm(LogNorm(1, most))
    bar = figure.colorbar(maps[0], ax=panels, shrink=0.6, format='{x:g}')
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.set_label('Boxes in a cell (logarithmic)')
    return figure


def _draw_map(axes: Axes, sides: np.ndarray, ticks: Sequence[float]) -> list[QuadMesh]:
    """The map in a list, which is empty if there is nothing to draw."""
    first, last = ticks[0], ticks[-1]
    _scale(axes, ticks)
    if not len(sides):
        axes.text(0.5, 0.5, 'no boxes', transform=axes.transAxes, ha='center', color='0.35')
        return []
    edges = np.geomspace(first, last, _CELLS + 1)
    edges[[0, -1]] = first, last
    width, height = sides.clip(first, last).T
    counts = np.histogram2d(height, width, bins=[edges, edges])[0]
    colours = colormaps['viridis_r']
    mesh = axes.pcolormesh(edges, edges, np.ma.masked_equal(counts, 0), cmap=colours)
    axes.plot(*np.median(sides, axis=0), '+', color='#D55E00', markersize=13, markeredgewidth=2)
    return [mesh]


def _scale(axes: Axes, ticks: Sequence[float]) -> None:
    axes.set(xscale='log', yscale='log', xlim=(ticks[0], ticks[-1]), ylim=(ticks[0], ticks[-1]))
    axes.set_box_aspect(1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter('{x:g}')
        axis.set_ticks(ticks)
        axis.set_minor_locator(NullLocator())
    axes.set_axisbelow(True)
    axes.grid(color='0.92')


def _draw_bounds(axes: Axes) -> None:
    for root in _ROOTS:
        axes.plot([1, root**2], [root**2, 1], color='0.3', linestyle=':', linewidth=1)
        axes.annotate(
            f'{root}²',
            (root**2, 1),
            xytext=(-12, 2),
            textcoords='offset points',
            fontsize=7,
            color='0.3',
            ha='right',
        )


def plot_image_sizes(sizes: Sequence[np.ndarray], labels: Sequence[str]) -> Figure:
    """A disc for each width and height, its area the share of the images; a panel for each file.

    At most the 500 most frequent sizes of a file are drawn.

    Args:
        sizes: Of each of F files, widths and heights in pixels, above 0, shape (M, 2).
        labels: F names.

    Raises:
        InputError: If there are more than six files.
    """
    check_files(labels)
    title = 'Width and height of images'
    if not any(map(len, sizes)):
        return empty_figure(title, 'no images')
    figure = new_figure(0.2 + (_PANEL + _BESIDE) * len(labels), 0.7 + _PANEL + _BELOW, title)
    panels = figure.subplots(1, len(labels), squeeze=False, sharex=True, sharey=True)[0]
    every = np.concatenate(list(sizes))
    limits = every.min() / 1.3, every.max() * 1.3
    notes = ['The area of a disc is its share of the images, but for the smallest.']
    for axes, of_file, label, color in zip(panels, sizes, labels, COLOURS, strict=False):
        common = Counter(map(tuple, of_file.tolist())).most_common()
        points = np.array([size for size, _ in common[:_MOST_SIZES]]).reshape(-1, 2)
        images = np.array([count for _, count in common[:_MOST_SIZES]])
        area = np.maximum(_DISC * images / max(len(of_file), 1), _LEAST_DISC)
        axes.scatter(*points.T, area, color=color, alpha=0.55, edgecolors='0.2', linewidths=0.5)
        different = f'{len(of_file)} images, {len(common)} size{"s" * (len(common) != 1)}'
        axes.set_title(f'{show_name(label)}\n{different}', fontsize=10)
        axes.set(xscale='log', yscale='log', xlim=limits, ylim=limits, xlabel='Width (px)')
        axes.set(ylabel='Height (px)')
        axes.tick_params(labelleft=True)
        axes.set_box_aspect(1)
        axes.set_axisbelow(True)
        axes.grid(color='0.92')
        if common:
            (width, height), most = common[0]
            notes.append(
                f'{show_name(label)}: most frequent is {width:g} x {height:g} px ({most}).'
            )
        if len(common) > _MOST_SIZES:
            notes.append(f'{show_name(label)}: {len(common) - _MOST_SIZES} sizes are not drawn.')
    ticks = _choose_ticks(*limits)
    for axis in (panels[0].xaxis, panels[0].yaxis):
        axis.set_major_formatter('{x:g}')
        axis.set_ticks(ticks)
        axis.set_minor_locator(NullLocator())
    add_note(figure, notes)
    return figure


def _choose_ticks(low: float, high: float) -> list[float]:
    """A few round numbers within the limits."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ([1], [1, 3], [1, 2, 5], range(1, 10)):
        ticks = [step * power for power in powers for step in steps if low <= step * power <= high]
        if len(ticks) > 2:
            break
    return ticks[:: -(-len(ticks) // _MOST_TICKS)]
