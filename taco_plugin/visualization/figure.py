"""What all plots share: creating, styling, annotating and writing a figure."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from PIL import Image

from ..files import write_file

# Okabe and Ito's colours for the colour-blind, without black, and yellow (too light for a line).
COLOURS = ['#E69F00', '#56B4E9', '#009E73', '#0072B2', '#D55E00', '#CC79A7']
DASHES = ['-', '--', ':', '-.']

_DPI = 150
_LONGEST_NAME = 32
_NOTE_LINE = 0.14  # inches
_CHARACTERS_PER_INCH = 14  # of a note; few enough for capitals


def new_figure(width: float, height: float, title: str) -> Figure:
    """Makes a figure without a window, with automatic layout; sizes are in inches."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout='constrained')
    figure.suptitle(title, x=0.01, ha='left')  # a legend may be at the right
    return figure


def empty_figure(title: str, message: str) -> Figure:
    """Makes a figure that says why there is nothing to draw."""
    figure = new_figure(6, 4, title)
    figure.text(0.5, 0.5, message, ha='center', va='center', fontsize=16, color='0.35')
    return figure


def style_axes(axes: Axes, grid: str = 'both', **settings: Any) -> None:  # noqa: ANN401
    """Draws a light grid (``x``, ``y`` or ``both``) behind the data; settings as ``Axes.set``."""
    axes.set(**settings)
    axes.grid(axis=grid, color='0.9')  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def plain_numbers(axis: Axis) -> None:
    """Labels a logarithmic axis with plain numbers at its major ticks only."""
    axis.set_major_formatter('{x:g}')
    axis.set_minor_formatter(NullFormatter())


def say_in(axes: Axes, message: str) -> None:
    """Writes into an empty panel why it is empty."""
    axes.text(0.5, 0.5, message, transform=axes.transAxes, ha='center', fontsize=14, color='0.35')
    axes.set(xticks=[], yticks=[])


def add_note(figure: Figure, sentences: Sequence[str]) -> None:
    """Writes sentences below a figure, and makes it taller to fit them."""
    if sentences:
        width = int(figure.get_figwidth() * _CHARACTERS_PER_INCH)
        note = '\n'.join(textwrap.fill(sentence, width) for sentence in sentences)
        figure.set_figheight(figure.get_figheight() + _NOTE_LINE * (1 + note.count('\n')))
        figure.supxlabel(note, x=0.01, ha='left', fontsize=8, color='0.25')


def name_classes(classes: Sequence[str], chosen: np.ndarray) -> str:
    """Lists the chosen classes, for use in a sentence.

    >>> name_classes(['Can', 'Cup', 'Lid'], np.array([True, False, True]))
    'Can, Lid'
    """
    return ', '.join(show_name(classes[label]) for label in np.flatnonzero(chosen).tolist())


def show_name(name: str) -> str:
    r"""Shortens and escapes a class name so that matplotlib does not read it as a formula.

    >>> show_name('Deposit $')
    'Deposit \\$'
    """
    if len(name) > _LONGEST_NAME:
        name = name[: _LONGEST_NAME - 1] + '…'
    return name.replace('$', r'\$')


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes a PNG atomically; raises an InputError if the path cannot be written."""
    write_file(path, lambda beside: figure.savefig(beside, format='png', dpi=figure.dpi))


def save_photo(pixels: np.ndarray, path: str | Path) -> None:
    """Like :func:`save_figure`, but writes RGB pixels, uint8, shape (H, W, 3), as a JPEG."""
    image = Image.fromarray(pixels)
    write_file(path, lambda beside: image.save(beside, format='jpeg', quality=90))
