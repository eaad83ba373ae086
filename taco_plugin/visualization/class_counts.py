"""How many boxes of each class there are, and how many are predicted."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .figure import (
    COLOURS,
    add_note,
    check_shape,
    empty_figure,
    name_classes,
    new_figure,
    show_name,
)

_TITLE = 'Boxes of each class'
_LOG_RANGE = 100
_BAR = 0.4
_PREDICTED, _TRUE = COLOURS[0], COLOURS[3]


def plot_class_counts(true: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> Figure:
    """Bars of true and predicted boxes, the most frequent true class first.

    The scale is logarithmic if the counts above 0 differ more than a hundredfold.

    Args:
        true: Number of true boxes, shape (K,).
        predicted: Number of predicted boxes, shape (K,).
        classes: K names.

    Raises:
        InputError: If the numbers do not fit the names.
    """
    check_shape('true', true, (len(classes),))
    check_shape('predicted', predicted, (len(classes),))
    counts = np.concatenate([true, predicted])
    if not counts.any():
        return empty_figure(_TITLE, 'no ground truth and no detections')
    order = np.lexsort((np.arange(len(classes)), -predicted, -true))
    figure = new_figure(9, 1.8 + 0.36 * len(classes), _TITLE)
    axes = figure.subplots()
    places = np.arange(len(classes))
    _draw_bars(axes, places - _BAR / 2, true[order], _TRUE, 'true')
    _draw_bars(axes, places + _BAR / 2, predicted[order], _PREDICTED, 'predicted')
    axes.set_yticks(places, [show_name(classes[label]) for label in order])
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.set_axisbelow(True)
    axes.grid(axis='x', color='0.9')
    axes.set_xlabel('Boxes')
    if counts.max() > _LOG_RANGE * counts[counts > 0].min():
        axes.set_xscale('log')
        axes.xaxis.set_major_formatter('{x:g}')
        axes.set_xlim(0.5, 2 * counts.max())
        axes.set_xlabel('Boxes (logarithmic)')
    else:
        axes.set_xlim(0, 1.2 * counts.max())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.legend(loc='outside right upper')
    add_note(figure, _explain(true, predicted, classes))
    return figure


def _draw_bars(axes: Axes, y: np.ndarray, counts: np.ndarray, color: str, label: str) -> None:
    axes.barh(y, counts, _BAR, color=color, label=label)
    for place, count in zip(y, counts.tolist(), strict=True):
        axes.annotate(
            str(count),
            (count, place) if count else (0, place),
            xycoords='data' if count else ('axes fraction', 'data'),
            xytext=(2, 0),
            textcoords='offset points',
            va='center',
            fontsize=7,
        )


def _explain(true: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> list[str]:
    if not true.any():
        return ['No ground truth.']
    notes = [] if predicted.any() else ['No detections.']
    if not true.all():
        notes.append(f'No ground truth: {name_classes(classes, true == 0)}.')
    return notes
