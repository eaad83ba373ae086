"""Curves per class: precision, recall and F1 over confidence, and precision over recall.

In all functions, ``classes`` are K names and ``colors`` K RGB values in [0, 255].
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from ..evaluation.curves import RECALLS, ScoreCurves, best_f1
from .figure import DASHES, add_note, empty_figure, name_classes, new_figure, show_name, style_axes

Color = tuple[int, int, int]
_LISTED, _EXTREMES = 12, 4
_MOST_COLOURS = 7  # distinct to the colour-blind; beyond that, dashes help
_OUTLINE = [withStroke(linewidth=2.2, foreground='0.4')]  # keeps light colours visible on white


def plot_precision_recall(
    precision: np.ndarray, classes: Sequence[str], colors: Sequence[Color]
) -> Figure:
    """A curve per class, with its AP, and their mean.

    ``precision`` is what :func:`~taco_plugin.evaluation.curves.precision_recall` returns.
    """
    title = 'Precision by recall at IoU 0.50'
    ap = precision.mean(axis=1)
    if np.isnan(ap).all():
        return empty_figure(title, 'no ground truth')
    if not np.nan_to_num(ap).any():
        return empty_figure(title, 'no correct detections')
    figure = new_figure(8, 5.2, title)
    figure.subplots().set(xlabel='Recall', ylabel='Precision')
    lines = _ClassLines(classes, colors, ap)
    lines.draw(figure, RECALLS, [precision])
    lines.explain(figure, 'AP', f'mean  {np.nanmean(ap):.2f}')
    return figure


def plot_score_curves(
    curves: ScoreCurves, classes: Sequence[str], colors: Sequence[Color]
) -> Figure:
    """Precision, recall and F1 over the confidence threshold, with the best mean F1 marked.

    The thresholds must ascend. Classes without ground truth are listed below the plot.
    """
    title = 'Precision, recall and F1 by confidence threshold'
    highest = curves.f1.max(axis=1)
    missing = np.isnan(highest)
    if missing.all():
        return empty_figure(title, 'no ground truth')
    if not np.nan_to_num(highest).any():
        nothing = (curves.precision[~missing] == 1).all()
        return empty_figure(title, 'no detections' if nothing else 'no correct detections')
    threshold, f1 = best_f1(curves)
    best = np.searchsorted(curves.thresholds, threshold)
    panels = {'Precision': curves.precision, 'Recall': curves.recall, 'F1': curves.f1}
    figure = new_figure(14, 4.8, title)
    figure.subplots(1, len(panels))
    lines = _ClassLines(classes, colors, highest)
    lines.draw(figure, curves.thresholds, list(panels.values()))
    for axes, (name, of_classes) in zip(figure.axes, panels.items(), strict=True):
        mean = np.nanmean(of_classes[:, best])
        axes.axvline(threshold, color='0.3', linestyle=':', linewidth=1.2, zorder=6)
        axes.plot(threshold, mean, 'o', color='black', markeredgecolor='white', zorder=7)
        axes.set_title(f'{name}: mean {mean:.2f} at {threshold:.3f}', fontsize=10)
        axes.set(xlabel='Confidence threshold', ylabel=name)
    mark = Line2D([], [], color='0.3', linestyle=':', marker='o', markerfacecolor='black')
    mark.set_label(f'best mean F1  {f1:.2f} at {threshold:.3f}')
    lines.explain(figure, 'best F1', 'mean', mark)
    return figure


class _ClassLines:
    """Draws the classes that have a value, with a legend from the highest value to the lowest.

    If there are more than twelve, only the best four and the worst four are in the legend, and the
    other lines are faint. The legend shows and ranks by ``values``, shape (K,), which are NaN
    without ground truth.
    """

    def __init__(self, classes: Sequence[str], colors: Sequence[Color], values: np.ndarray) -> None:
        ranked = np.argsort(-values, kind='stable')
        self._ranked = self._named = ranked[~np.isnan(values[ranked])].tolist()
        if len(self._ranked) > _LISTED:
            self._named = self._ranked[:_EXTREMES] + self._ranked[-_EXTREMES:]
        self._classes, self._colors, self._values = classes, colors, values

    def draw(self, figure: Figure, x: np.ndarray, panels: Sequence[np.ndarray]) -> None:
        """Draws the rows of an array, shape (K, T), and their mean on each panel."""
        above = len(self._ranked) > 1  # with one class, the mean would hide it
        for axes, y in zip(figure.axes, panels, strict=True):
            mean = np.nanmean(y, axis=0)
            for label in self._ranked:
                axes.plot(x, y[label], **self._style(label), label=show_name(self._classes[label]))
            axes.plot(x, mean, color='black', linewidth=3, label='mean', zorder=5 if above else 1.5)
            style_axes(axes, xlim=(0, 1), ylim=(-0.02, 1.02))

    def explain(self, figure: Figure, value: str, mean: str, *marks: Line2D) -> None:
        """Adds a legend on the right, and a note on classes without ground truth below."""
        handles = [Line2D([], [], color='black', linewidth=3, label=mean), *marks]
        left_out = len(self._ranked) - len(self._named)
        for place, label in enumerate(self._named):
            if place == _EXTREMES and left_out:
                between = f'… {left_out} classes between …'
                handles.append(Line2D([], [], linestyle='none', label=between))
            name = f'{show_name(self._classes[label])}  {self._values[label]:.2f}'
            handles.append(Line2D([], [], **self._style(label), label=name))
        title = f'Classes by {value}'
        if left_out:
            ends = f'{_EXTREMES} best and {_EXTREMES} worst'
            title = f'{ends}\nof {len(self._ranked)} classes by {value}'
        style = {'fontsize': 8, 'title_fontsize': 8, 'alignment': 'left', 'handlelength': 3}
        figure.legend(handles=handles, loc='outside right upper', title=title, **style)
        missing = np.isnan(self._values)
        if missing.any():
            add_note(figure, [f'No ground truth: {name_classes(self._classes, missing)}.'])

    def _style(self, label: int) -> dict[str, Any]:
        style: dict[str, Any] = {'color': tuple(channel / 255 for channel in self._colors[label])}
        if label not in self._named:
            return {**style, 'linewidth': 0.7, 'alpha': 0.45}
        if len(self._named) < len(self._ranked):
            dashes = '-' if self._named.index(label) < _EXTREMES else '--'
        else:
            dashes = DASHES[label // _MOST_COLOURS % len(DASHES)]
        return {**style, 'linewidth': 1.6, 'linestyle': dashes, 'path_effects': _OUTLINE}
