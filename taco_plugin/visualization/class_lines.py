"""A line per class, alike in every panel, and a legend that stays legible."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from ..errors import InputError
from .figure import check_shape, show_name

Color = tuple[int, int, int]
"""RGB in [0, 255]."""

_LISTED = 12
_EXTREMES = 4
_DASHES = ['-', '--', ':', '-.']
_MOST_COLOURS = 7
"""How many colours the colour-blind can tell apart; from there on, dashes help."""

_OUTLINE = [withStroke(linewidth=2.2, foreground='0.4')]
"""Light colours are seen on white, too."""


class ClassLines:
    """Draws the classes that have a value, and names them from the highest value to the lowest.

    With more than twelve of them, only the best and the worst four are named; the lines of the
    others are faint.

    Args:
        classes: K names.
        colors: K colours.
        values: What the legend states and ranks by, NaN for a class not to be drawn, shape (K,).

    Raises:
        InputError: If there are not K colours and values.
    """

    def __init__(self, classes: Sequence[str], colors: Sequence[Color], values: np.ndarray) -> None:
        if len(colors) != len(classes):
            raise InputError(f'there must be {len(classes)} colors, but there are {len(colors)}')
        check_shape('values', values, (len(classes),))
        ranked = np.argsort(-values, kind='stable')
        self._ranked = ranked[~np.isnan(values[ranked])].tolist()
        self._named = self._ranked
        if len(self._ranked) > _LISTED:
            self._named = self._ranked[:_EXTREMES] + self._ranked[-_EXTREMES:]
        self._classes, self._colors, self._values = classes, colors, values

    def draw(self, axes: Axes, x: np.ndarray, y: np.ndarray, mean: np.ndarray) -> None:
        """Draws the rows of ``y``, shape (K, T), and their mean, shape (T,), over ``x``."""
        for label in self._ranked:
            axes.plot(x, y[label], **self._style(label), label=show_name(self._classes[label]))
        above = len(self._ranked) > 1  # the mean of one class would hide it
        axes.plot(x, mean, color='black', linewidth=3, label='mean', zorder=5 if above else 1.5)

    def add_legend(self, figure: Figure, value: str, mean: str, marks: Sequence[Line2D]) -> None:
        """Puts the legend to the right of the panels.

        Args:
            figure: Has the panels.
            value: What the values are.
            mean: Names the line of the mean.
            marks: Further entries.
        """
        handles = [Line2D([], [], color='black', linewidth=3, label=mean), *marks]
        for place, label in enumerate(self._named):
            if place == _EXTREMES and len(self._named) < len(self._ranked):
                left_out = len(self._ranked) - len(self._named)
                handles.append(_gap(f'… {left_out} classes between …'))
            name = f'{show_name(self._classes[label])}  {self._values[label]:.2f}'
            handles.append(Line2D([], [], **self._style(label), label=name))
        title = f'Classes by {value}'
        if len(self._named) < len(self._ranked):
            title = (
                f'{_EXTREMES} best and {_EXTREMES} worst\nof {len(self._ranked)} classes by {value}'
            )
        figure.legend(
            handles=handles,
            loc='outside right upper',
            title=title,
            fontsize=8,
            title_fontsize=8,
            alignment='left',
            handlelength=3,
        )

    def _style(self, label: int) -> dict[str, Any]:
        style: dict[str, Any] = {'color': tuple(channel / 255 for channel in self._colors[label])}
        if label not in self._named:
            return {**style, 'linewidth': 0.7, 'alpha': 0.45}
        if len(self._named) < len(self._ranked):
            dashes = '-' if self._named.index(label) < _EXTREMES else '--'
        else:
            dashes = _DASHES[label // _MOST_COLOURS % len(_DASHES)]
        return {**style, 'linewidth': 1.6, 'linestyle': dashes, 'path_effects': _OUTLINE}


def _gap(text: str) -> Line2D:
    return Line2D([], [], linestyle='none', label=text)
