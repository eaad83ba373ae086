"""How a run looks and is called: alike in every figure that compares runs."""

from collections.abc import Iterable, Sequence, Sized
from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import InputError
from .figure import COLOURS, show_name

_DASHES = ['-', '--', ':', '-.']
_MARKERS = ['o', 's', '^', 'D', 'v', 'P', 'X', '<', '*', '>', 'p']
"""Their number shares no factor with that of colours and dashes, so that styles repeat late."""

_STAR = 1.5
"""A star is drawn larger, to be seen as well as the others."""

_LONGEST = 32
_END = 18
"""Characters of a long name that are kept of its end, where runs of a kind differ."""


def run_style(number: int, size: float = 5.0) -> dict[str, Any]:
    """Colour, dashes and marker of a run, by its place among those compared.

    Six runs differ in colour and in marker, 24 in colour or dashes, 264 in any of them.

    >>> run_style(0)
    {'color': '#E69F00', 'linestyle': '-', 'marker': 'o', 'markersize': 5.0}
    >>> run_style(6)
    {'color': '#E69F00', 'linestyle': '--', 'marker': 'X', 'markersize': 5.0}
    """
    marker = _MARKERS[number % len(_MARKERS)]
    return {
        'color': COLOURS[number % len(COLOURS)],
        'linestyle': _DASHES[number // len(COLOURS) % len(_DASHES)],
        'marker': marker,
        'markersize': size * _STAR if marker == '*' else size,
    }


def shorten_names(names: Sequence[str]) -> list[str]:
    """Names in one line of at most 32 characters, numbered if they would not differ otherwise.

    >>> shorten_names(['faster_rcnn_r50_weighted_hard_seed_0', 'retinanet'])
    ['faster_rcnn_r…ighted_hard_seed_0', 'retinanet']
    """
    short = [_shorten(' '.join(name.split())) for name in names]
    if len(set(short)) < len(short):
        numbered = enumerate(names, start=1)
        short = [_shorten(f'{number}: {" ".join(name.split())}') for number, name in numbered]
    return short


def show_runs(names: Sequence[str], **columns: Sized) -> list[str]:
    """Short names of the runs as matplotlib is to be given them.

    Args:
        names: Of R runs.
        columns: What there must be R of, by the names of the arguments.

    Raises:
        InputError: If there is no run, or not R of a column.
    """
    if not names:
        raise InputError('names must not be empty: there is no run to compare')
    for column, values in columns.items():
        if len(values) != len(names):
            raise InputError(f'{column} must be {len(names)}, one per run, but are {len(values)}')
    return [show_name(name) for name in shorten_names(names)]


def add_run_legend(figure: Figure, handles: Sequence[Artist], title: str) -> None:
    """Puts a legend to the right of the panels, and makes room for it."""
    figure.set_figheight(max(figure.get_figheight(), 1.2 + 0.2 * len(handles)))
    figure.legend(
        handles=list(handles),
        loc='outside right upper',
        title=title,
        fontsize=8,
        title_fontsize=8,
        alignment='left',
        handlelength=3.5,
    )


def run_handle(number: int, label: str) -> Line2D:
    """An entry of the legend."""
    return Line2D([], [], **run_style(number), linewidth=1.6, label=label)


def name_runs(prefix: str, shown: Sequence[str], chosen: Iterable[Any]) -> list[str]:
    """A sentence for a note that names the chosen runs; none if there is none.

    >>> name_runs('No ground truth', ['a', 'b', 'c'], [True, False, True])
    ['No ground truth: a, c.']
    """
    named = ', '.join(name for name, is_chosen in zip(shown, chosen, strict=True) if is_chosen)
    return [f'{prefix}: {named}.'] if named else []


def _shorten(name: str) -> str:
    if len(name) <= _LONGEST:
        return name
    return f'{name[: _LONGEST - _END - 1]}…{name[-_END:]}'
