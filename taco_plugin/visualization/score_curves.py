"""Precision, recall and F1 over the confidence threshold."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..evaluation.curves import ScoreCurves, best_f1
from .class_lines import ClassLines, Color
from .figure import add_note, check_shape, empty_figure, name_classes, new_figure

_TITLE = 'Precision, recall and F1 by confidence threshold'


def plot_score_curves(
    curves: ScoreCurves, classes: Sequence[str], colors: Sequence[Color]
) -> Figure:
    """Three panels over the confidence threshold, with the threshold of the best mean F1 marked.

    Args:
        curves: Of K classes; those without ground truth are named below the panels.
        classes: K names.
        colors: K colours.

    Raises:
        InputError: If the curves, names and colours are not of one K.
    """
    check_shape('f1', curves.f1, (len(classes), len(curves.thresholds)))
    missing = np.isnan(curves.f1).any(axis=1)
    if missing.all():
        return empty_figure(_TITLE, 'no ground truth')
    if not len(curves.thresholds):
        return empty_figure(_TITLE, 'no thresholds')
    if not np.nan_to_num(curves.f1).any():
        nothing = (curves.precision[~missing] == 1).all()
        return empty_figure(_TITLE, 'no detections' if nothing else 'no correct detections')
    order = np.argsort(curves.thresholds, kind='stable')
    figures = curves.thresholds, curves.precision, curves.recall, curves.f1
    curves = ScoreCurves(*(values[..., order] for values in figures))
    threshold, f1 = best_f1(curves)
    best = np.searchsorted(curves.thresholds, threshold)
    lines = ClassLines(classes, colors, curves.f1.max(axis=1))
    figure = new_figure(14, 4.8, _TITLE)
    panels = {
        'Precision': (curves.precision, curves.mean_precision),
        'Recall': (curves.recall, curves.mean_recall),
        'F1': (curves.f1, curves.mean_f1),
    }
    all_axes = figure.subplots(1, len(panels), sharex=True, sharey=True)
    for axes, (name, (of_classes, mean)) in zip(all_axes, panels.items(), strict=True):
        lines.draw(axes, curves.thresholds, of_classes, mean)
        axes.axvline(threshold, color='0.3', linestyle=':', linewidth=1.2, zorder=6)
        axes.plot(threshold, mean[best], 'o', color='black', markeredgecolor='white', zorder=7)
        axes.set_title(f'{name}: mean {mean[best]:.2f} at {threshold:.3f}', fontsize=10)
        axes.set_xlabel('Confidence threshold')
        axes.set_ylabel(name)
        axes.tick_params(labelleft=True)
        axes.grid(color='0.9')
        axes.set_axisbelow(True)
    all_axes[0].set(xlim=(0, 1), ylim=(-0.02, 1.02))
    mark = Line2D([], [], color='0.3', linestyle=':', marker='o', markerfacecolor='black')
    mark.set_label(f'best mean F1  {f1:.2f} at {threshold:.3f}')
    lines.add_legend(figure, 'best F1', 'mean', [mark])
    if missing.any():
        add_note(figure, [f'No ground truth: {name_classes(classes, missing)}.'])
    return figure
