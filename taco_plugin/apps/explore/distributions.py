"""Compares the distributions of up to six annotation files.

Arguments have an entry for each file: an array with its data, and its name in ``labels``.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, PercentFormatter

from ...visualization.figure import (
    COLOURS,
    add_note,
    new_figure,
    plain_numbers,
    show_name,
    style_axes,
)

_STARTS = np.array([*range(11), 11, 21, 51, 101, 1001])  # number of boxes
_STEPS = [*map(str, range(11)), '11–20', '21–50', '51–100', '101–1000', '≥1001']

_FURTHEST = 4
"""Base-2 logarithm of the aspect ratio beyond which all boxes are in one bin."""

_CELLS = 40
_PIXELS, _SHARES = (1, 10_000), (0.1, 100)
"""Limits of the heat maps; values beyond them are clipped."""

_ROOTS = (32, 96)  # of the areas that separate COCO's sizes

_MOST_SIZES = 500
_DISC, _LEAST_DISC = 1500, 8
"""Area in square points of a disc for all images of a file, and of the smallest disc."""


def plot_boxes_per_image(counts: Sequence[np.ndarray], labels: Sequence[str]) -> Figure:
    """Histogram of the number of boxes per image, as shares of the images of a file.

    ``counts`` are the number of boxes in each image, shape (M,), M > 0.
    """
    bins = [np.searchsorted(_STARTS, of_file, side='right') - 1 for of_file in counts]
    count = max(int(of_file.max()) for of_file in bins) + 1
    figure = new_figure(11, 4.5, 'Boxes per image')
    axes = figure.subplots()
    width = 0.84 / len(labels)
    for number, (label, of_file) in enumerate(zip(labels, counts, strict=True)):
        images = np.bincount(bins[number], minlength=count)
        places = np.arange(count) + width * (number - (len(labels) - 1) / 2)
        name = f'{show_name(label)}: mean {of_file.mean():.1f}, median {np.median(of_file):.0f}'
        name += f', most {of_file.max()}'
        bars = axes.bar(places, images / len(of_file), width, color=COLOURS[number], label=name)
        if len(labels) == 1:
            axes.bar_label(bars, images.tolist(), fontsize=8)
    axes.set_xticks(range(count), _STEPS[:count], fontsize=8)
    style_axes(axes, 'y', xlabel='Boxes', ylabel='Share of the images')
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc='upper right')
    return figure


def plot_aspect_ratios(logarithms: Sequence[np.ndarray], labels: Sequence[str]) -> Figure:
    """Outlined histograms of width / height, as shares of the boxes of a file.

    ``logarithms`` are the base-2 logarithms of the ratios, shape (N,).
    """
    edges = np.linspace(-_FURTHEST - 0.125, _FURTHEST + 0.125, 8 * _FURTHEST + 2)
    figure = new_figure(9, 4.5, 'Aspect ratios of boxes')
    axes = figure.subplots()
    for label, of_file, color in zip(labels, logarithms, COLOURS, strict=False):
        if len(of_file):
            shares = np.histogram(of_file.clip(-_FURTHEST, _FURTHEST), edges)[0] / len(of_file)
            name = f'{show_name(label)}: median {2.0 ** np.median(of_file):.2f}'
            fill = len(labels) == 1
            axes.stairs(shares, edges, color=color, label=name, fill=fill, linewidth=1.8)
    ticks = np.arange(-_FURTHEST, _FURTHEST + 1)
    names = [f'1:{2**-tick}' if tick < 0 else f'{2**tick}:1' for tick in ticks.tolist()]
    axes.set_xticks(ticks, [f'≤{names[0]}', *names[1:-1], f'≥{names[-1]}'])
    style_axes(axes, xlabel='Width : height (logarithmic)', ylabel='Share of the boxes')
    axes.set(xlim=edges[[0, -1]], ylim=(0, None))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc='upper right')
    without = [show_name(n) for n, some in zip(labels, logarithms, strict=True) if not len(some)]
    add_note(figure, [f'No boxes: {", ".join(without)}.'] if without else [])
    return figure


def _new_panels(rows: int, labels: Sequence[str], title: str) -> tuple[Figure, np.ndarray]:
    """Makes square panels with logarithmic axes, one column per file, shape (rows, F)."""
    figure = new_figure(0.6 + rows * 0.6 + 3.9 * len(labels), 1.3 + 3.7 * rows, title)
    panels = figure.subplots(rows, len(labels), squeeze=False, sharex='row', sharey='row')
    for axes in panels.flat:
        axes.tick_params(labelleft=True)
        axes.set_box_aspect(1)
        style_axes(axes, xscale='log', yscale='log')
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if rows == 1 else (1,), numticks=5))
            plain_numbers(axis)
    return figure, panels


def plot_box_sizes(
    native: Sequence[np.ndarray], relative: Sequence[np.ndarray], labels: Sequence[str]
) -> Figure:
    """Heat maps of box width and height: in pixels above, relative to the image below.

    Both axes are logarithmic. A cross marks the medians, and dotted lines mark the areas that
    separate COCO's small, medium and large boxes.

    Widths and heights have the shape (N, 2): ``native`` in pixels, above 0, ``relative`` as shares
    of the image's width and height, in (0, 1].
    """
    figure, panels = _new_panels(2, labels, 'Width and height of boxes')
    maps: list[QuadMesh] = []
    for axes, sides, label in zip(panels[0], native, labels, strict=True):
        axes.set_title(f'{show_name(label)}\n{len(sides)} boxes', fontsize=10)
        maps += _draw_size_map(axes, sides, _PIXELS)
        axes.set(xlabel='Width (px)', ylabel='Height (px)')
        for root in _ROOTS if len(sides) else ():
            axes.plot([1, root**2], [root**2, 1], color='0.3', linestyle=':', linewidth=1)
            near = {'xytext': (-12, 2), 'textcoords': 'offset points', 'ha': 'right'}
            axes.annotate(f'{root}²', (root**2, 1), **near, fontsize=7, color='0.3')
    for axes, sides in zip(panels[1], relative, strict=True):
        maps += _draw_size_map(axes, 100 * sides, _SHARES)
        axes.set(xlabel='Width (% of the image)', ylabel='Height (% of the image)')
    norm = LogNorm(1, max(2.0, *(float(mesh.get_array().max()) for mesh in maps)))  # type: ignore[union-attr]
    for mesh in maps:
        mesh.set_norm(norm)
    bar = figure.colorbar(maps[0], ax=panels, shrink=0.6)
    plain_numbers(bar.ax.yaxis)
    bar.set_label('Boxes in a cell (logarithmic)')
    return figure


def _draw_size_map(axes: Axes, sides: np.ndarray, limits: tuple[float, float]) -> list[QuadMesh]:
    """Draws a heat map of widths and heights, shape (N, 2), unless there are none."""
    axes.set(xlim=limits, ylim=limits)
    if not len(sides):
        axes.text(0.5, 0.5, 'no boxes', transform=axes.transAxes, ha='center', color='0.35')
        return []
    edges = np.geomspace(*limits, _CELLS + 1)
    edges[[0, -1]] = limits
    width, height = sides.clip(*limits).T
    counts = np.histogram2d(height, width, bins=[edges, edges])[0]
    colours = colormaps['viridis_r']
    mesh = axes.pcolormesh(edges, edges, np.ma.masked_equal(counts, 0), cmap=colours)
    axes.plot(*np.median(sides, axis=0), '+', color='#D55E00', markersize=13, markeredgewidth=2)
    return [mesh]


def plot_image_sizes(sizes: Sequence[np.ndarray], labels: Sequence[str]) -> Figure:
    """A panel per file, with a disc per image size; its area is the share of the images.

    At most the 500 most frequent sizes of a file are drawn. ``sizes`` have the shape (M, 2), M > 0.
    """
    figure, panels = _new_panels(1, labels, 'Width and height of images')
    every = np.concatenate(list(sizes))
    limits = every.min() / 1.3, every.max() * 1.3
    notes = ['The area of a disc is its share of the images, but for the smallest.']
    for axes, of_file, label, color in zip(panels[0], sizes, labels, COLOURS, strict=False):
        axes.set(xlim=limits, ylim=limits, xlabel='Width (px)', ylabel='Height (px)')
        common = Counter(map(tuple, of_file.tolist())).most_common()
        count = f'{len(of_file)} images, {len(common)} size' + 's' * (len(common) != 1)
        axes.set_title(f'{show_name(label)}\n{count}', fontsize=10)
        points, images = zip(*common[:_MOST_SIZES], strict=True)
        area = np.maximum(_DISC * np.array(images) / len(of_file), _LEAST_DISC)
        style = {'alpha': 0.55, 'edgecolors': '0.2', 'linewidths': 0.5}
        axes.scatter(*np.transpose(points), area, color=color, **style)
        (width, height), most = common[0]
        notes.append(f'{show_name(label)}: most frequent is {width:g} x {height:g} px ({most}).')
        if len(common) > _MOST_SIZES:
            notes.append(f'{show_name(label)}: {len(common) - _MOST_SIZES} sizes are not drawn.')
    add_note(figure, notes)
    return figure
