"""How many boxes of each class several files hold, and what weight that gives the class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ..errors import InputError
from .figure import COLOURS, add_note, check_shape, empty_figure, new_figure, show_name

_TITLE = 'Boxes and weight of each class'
_MOST = 80
_BAR = 0.14
"""In inches; high enough for a number."""

_GAP = 0.1


def plot_class_distribution(
    boxes: np.ndarray, weights: np.ndarray, classes: Sequence[str], labels: Sequence[str]
) -> Figure:
    """Bars of boxes, and points of weights on a logarithmic scale, the most frequent class first.

    At most 80 classes are drawn.

    Args:
        boxes: Numbers of boxes, NaN where a file does not have the class, shape (F, K).
        weights: Of the classes, NaN where a file does not have the class, shape (F, K).
        classes: K names.
        labels: F names of files.

    Raises:
        InputError: If the numbers do not fit the names, or there are more than six files.
    """
    check_files(labels)
    check_shape('boxes', boxes, (len(labels), len(classes)))
    check_shape('weights', weights, boxes.shape)
    total = np.nan_to_num(boxes).sum(axis=0)
    if not total.any():
        return empty_figure(_TITLE, 'no boxes')
    order = np.argsort(-total, kind='stable')[:_MOST]
    row = _BAR * len(labels) + _GAP
    figure = new_figure(11, 1.6 + row * len(order), _TITLE)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    height = _BAR / row
    for number, label in enumerate(labels):
        y = np.arange(len(order)) + height * (number - (len(labels) - 1) / 2)
        _draw_bars(left, y, boxes[number, order], height, COLOURS[number], label)
        right.plot(weights[number, order], y, 'o', markersize=4, color=COLOURS[number])
    left.set_yticks(np.arange(len(order)), [show_name(classes[label]) for label in order])
    right.set_yticks([])
    some = weights[np.nan_to_num(weights) > 0]
    powers = np.floor(np.log10(some.min() / 1.2)), np.ceil(np.log10(some.max() * 1.2))
    _scale(left, 'Boxes', 0.5, 3 * np.nanmax(boxes))
    _scale(right, 'Weight', *10.0 ** np.array(powers))
    for axes in (left, right):
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.set_axisbelow(True)
        axes.grid(axis='x', color='0.9')
    right.hlines(
        np.arange(len(order) - 1) + 0.5, 0, 1, '0.93', transform=right.get_yaxis_transform()
    )
    if len(labels) > 1:
        figure.legend(*left.get_legend_handles_labels(), loc='outside right upper')
    notes = ['Weight: N / (n + 1) for n of the N boxes of a file, divided by its sum over classes.']
    if len(order) < len(classes):
        notes.append(f'{len(classes) - len(order)} less frequent classes are not drawn.')
    add_note(figure, notes)
    return figure


def check_files(labels: Sequence[str]) -> None:
    """Refuses more files than there are colours."""
    if not 0 < len(labels) <= len(COLOURS):
        raise InputError(f'labels must be 1 to {len(COLOURS)}, but are {len(labels)}')


def _draw_bars(
    axes: Axes, y: np.ndarray, boxes: np.ndarray, height: float, color: str, label: str
) -> None:
    there = ~np.isnan(boxes)
    axes.barh(y[there], boxes[there], height, color=color, label=show_name(label))
    for place, count in zip(y[there], boxes[there], strict=True):
        axes.annotate(
            f'{count:.0f}',
            (count, place) if count else (0, place),
            xycoords='data' if count else ('axes fraction', 'data'),
            xytext=(2, 0),
            textcoords='offset points',
            va='center',
            fontsize=7,
        )


def _scale(axes: Axes, what: str, low: float, high: float) -> None:
    axes.set(xlabel=f'{what} (logarithmic)', xscale='log', xlim=(low, high))
    axes.xaxis.set_major_formatter('{x:g}')
    axes.xaxis.set_minor_formatter(NullFormatter())
