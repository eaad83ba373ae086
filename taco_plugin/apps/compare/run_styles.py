"""Style and name of a run, which are the same in every plot that compares runs."""

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...visualization.figure import COLOURS, DASHES, show_name

_MARKERS = ['o', 's', '^', 'D', 'v', 'P', 'X', '<', '*', '>', 'p']
"""Their number is coprime to those of colours and dashes, so that styles rarely repeat."""

_LONGEST = 32
_END = 18
"""Characters kept at the end of a long name, where names of similar runs differ."""


def run_style(number: int, size: float = 5.0, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Colour, dashes and marker of a run, by its place among those compared.

    Six runs differ in colour and marker, 24 in colour or dashes, 264 in any of the three.

    >>> run_style(6)
    {'color': '#E69F00', 'linestyle': '--', 'marker': 'X', 'markersize': 5.0}
    """
    marker = _MARKERS[number % len(_MARKERS)]
    return {
        'color': COLOURS[number % len(COLOURS)],
        'linestyle': DASHES[number // len(COLOURS) % len(DASHES)],
        'marker': marker,
        'markersize': size * 1.5 if marker == '*' else size,  # a star is mostly points
        **changes,
    }


def shorten_names(names: Iterable[str]) -> list[str]:
    """Shortens names to one line of at most 32 characters, numbered if they would be equal.

    >>> shorten_names(['faster_rcnn_r50_weighted_hard_seed_0', 'retinanet'])
    ['faster_rcnn_r…ighted_hard_seed_0', 'retinanet']
    """
    lines = [' '.join(name.split()) for name in names]
    short = list(map(_shorten, lines))
    if len(set(short)) == len(short):
        return short
    return [_shorten(f'{number}: {line}') for number, line in enumerate(lines, start=1)]


def show_runs(names: Iterable[str]) -> list[str]:
    """Short names of the runs, escaped for matplotlib."""
    return list(map(show_name, shorten_names(names)))


def _shorten(name: str) -> str:
    fits = len(name) <= _LONGEST
    return name if fits else f'{name[: _LONGEST - _END - 1]}…{name[-_END:]}'


def name_runs(prefix: str, shown: Iterable[str], chosen: Iterable[Any]) -> list[str]:
    """Makes a sentence that lists the chosen runs or classes, or none if there are none.

    >>> name_runs('No ground truth', ['a', 'b', 'c'], [True, False, True])
    ['No ground truth: a, c.']
    """
    named = ', '.join(name for name, is_chosen in zip(shown, chosen, strict=True) if is_chosen)
    return [f'{prefix}: {named}.'] if named else []


def add_run_legend(figure: Figure, labels: Mapping[int, str], title: str, **changes: Any) -> None:  # noqa: ANN401
    """Puts a legend to the right of the panels, and makes room for it.

    ``labels`` map the number of a run to its text; ``changes`` override its style.
    """
    figure.set_figheight(max(figure.get_figheight(), 1.2 + 0.2 * len(labels)))
    handles = [
        Line2D([], [], **run_style(number, **changes), linewidth=1.6, label=label)
        for number, label in labels.items()
    ]
    style = {'fontsize': 8, 'title_fontsize': 8, 'alignment': 'left', 'handlelength': 3.5}
    figure.legend(handles=handles, loc='outside right upper', title=title, **style)
