"""Precision over recall."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..evaluation.curves import RECALLS, average_precision
from .class_lines import ClassLines, Color
from .figure import add_note, check_shape, empty_figure, name_classes, new_figure

_TITLE = 'Precision by recall at IoU 0.50'


def plot_precision_recall(
    precision: np.ndarray, classes: Sequence[str], colors: Sequence[Color]
) -> Figure:
    """A curve per class, with its AP, and their mean.

    Args:
        precision: As :func:`~taco_plugin.evaluation.curves.precision_recall` returns it, shape
            (K, 101).
        classes: K names.
        colors: K colours.

    Raises:
        InputError: If the precision, names and colours are not of one K.
    """
    check_shape('precision', precision, (len(classes), len(RECALLS)))
    missing = np.isnan(precision).any(axis=1)
    if missing.all():
        return empty_figure(_TITLE, 'no ground truth')
    if not np.nan_to_num(precision).any():
        return empty_figure(_TITLE, 'no correct detections')
    lines = ClassLines(classes, colors, average_precision(precision))
    mean = precision[~missing].mean(axis=0)
    figure = new_figure(8, 5.2, _TITLE)
    axes = figure.subplots()
    lines.draw(axes, RECALLS, precision, mean)
    axes.set(xlabel='Recall', ylabel='Precision', xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.grid(color='0.9')
    axes.set_axisbelow(True)
    lines.add_legend(figure, 'AP', f'mean  {mean.mean():.2f}', [])
    if missing.any():
        add_note(figure, [f'No ground truth: {name_classes(classes, missing)}.'])
    return figure
