"""How well a detector counts: true against detected boxes of each image, and bias per class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..evaluation.counts import CountErrors, compare_counts
from .figure import (
    COLOURS,
    add_note,
    empty_figure,
    new_figure,
    plain_numbers,
    show_name,
    style_axes,
)

_MOST_LINEAR = 30  # boxes in an image; beyond, most images would lie in a corner
_TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_ROW = 0.24  # inches


def plot_count_errors(true: np.ndarray, detected: np.ndarray, classes: Sequence[str]) -> Figure:
    """True against detected boxes of each image, and the error of each class.

    Args:
        true: What :func:`~taco_plugin.evaluation.counts.count_boxes` returns, shape (I, K).
        detected: Likewise.
        classes: K names.
    """
    title = 'Boxes counted per image'
    if not true.any() and not detected.any():
        return empty_figure(title, 'no ground truth and no detections')
    errors = compare_counts(true, detected)
    figure = new_figure(11, max(5.0, 1.6 + _ROW * len(classes)), title)
    left, right = figure.subplots(1, 2)
    _draw_images(left, true.sum(axis=1), detected.sum(axis=1))
    _draw_classes(right, errors, classes)
    total = errors.total
    words = (
        f'All classes: {total.true:,} true boxes, {total.detected:,} detected; '
        f'per image MAE {total.mae:.2f}, bias {total.bias:+.2f}.',
        'Bias: mean of detected minus true boxes; MAE: mean of its absolute value. A point is as '
        'large as its number of images. In brackets: true boxes.',
    )
    add_note(figure, words)
    return figure


def _draw_images(axes: Axes, true: np.ndarray, detected: np.ndarray) -> None:
    """Draws a point for each pair of counts, both of shape (I,)."""
    pairs, images = np.unique(np.column_stack([true, detected]), axis=0, return_counts=True)
    most = int(pairs.max())
    axes.plot([0, 1], [0, 1], '--', color='0.5', linewidth=1, transform=axes.transAxes)
    sizes = np.maximum(400 * images / max(images.max(), 10), 12)
    axes.scatter(pairs[:, 0], pairs[:, 1], sizes, COLOURS[3], alpha=0.6, linewidths=0)
    style_axes(axes, xlabel='True boxes in an image', ylabel='Detected boxes')
    axes.set_box_aspect(1)
    axes.set_anchor('N')
    if most > _MOST_LINEAR:
        axes.set(xscale='symlog', yscale='symlog')
        ticks = [tick for tick in _TICKS if tick <= most]
        axes.set(xticks=ticks, yticks=ticks)
    for axis in (axes.xaxis, axes.yaxis):
        if most > _MOST_LINEAR:
            plain_numbers(axis)
        else:
            axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    limits = -0.5, 1.1 * most + 0.5
    axes.set(xlim=limits, ylim=limits)


def _draw_classes(axes: Axes, errors: CountErrors, classes: Sequence[str]) -> None:
    """Draws bias as a bar and MAE as a point for each class, the most frequent first."""
    pairs = sorted(zip(errors.per_class, classes, strict=True), key=lambda pair: -pair[0].true)
    rows = np.arange(len(pairs))
    bias = [error.bias for error, _ in pairs]
    axes.barh(rows, bias, 0.7, color=COLOURS[0], label='bias')
    mae = [error.mae for error, _ in pairs]
    axes.plot(mae, rows, 'o', markersize=4, color=COLOURS[3], label='MAE')
    axes.axvline(0, color='0.35', linewidth=1)
    axes.set_yticks(rows, [f'{show_name(name)} ({error.true:,})' for error, name in pairs])
    style_axes(axes, 'x', ylim=(len(pairs) - 0.4, -0.6), xlabel='Error in boxes per image')
    axes.margins(x=0.1)
    axes.figure.legend(loc='outside right upper')
