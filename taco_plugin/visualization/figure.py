"""What all figures share: how they are made, explained and written."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from ..errors import InputError
from ..files import write_file

DPI = 150

# Told apart by the colour-blind: Okabe and Ito's, without black, and yellow, too light for a line.
COLOURS = ['#E69F00', '#56B4E9', '#009E73', '#0072B2', '#D55E00', '#CC79A7']

_LONGEST_NAME = 32
_NOTE_SIZE = 8
_NOTE_LINE = 0.14
"""In inches."""

_CHARACTERS_PER_INCH = 14
"""Of a note; few enough for capitals."""


def new_figure(width: float, height: float, title: str) -> Figure:
    """A figure without a window, whose layout follows what is drawn; sizes are in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout='constrained')
    figure.suptitle(title, x=0.01, ha='left')  # a legend may be at the right
    return figure


def empty_figure(title: str, message: str) -> Figure:
    """Says why there is nothing to draw."""
    figure = new_figure(6, 4, title)
    figure.text(0.5, 0.5, message, ha='center', va='center', fontsize=16, color='0.35')
    return figure


def add_note(figure: Figure, sentences: Sequence[str]) -> None:
    """Writes sentences below a figure, which grows by the lines that this takes."""
    if sentences:
        width = int(figure.get_figwidth() * _CHARACTERS_PER_INCH)
        note = '\n'.join(textwrap.fill(sentence, width) for sentence in sentences)
        figure.set_figheight(figure.get_figheight() + _NOTE_LINE * (1 + note.count('\n')))
        figure.supxlabel(note, x=0.01, ha='left', fontsize=_NOTE_SIZE, color='0.25')


def name_classes(classes: Sequence[str], chosen: np.ndarray) -> str:
    """The chosen classes as a list in a sentence.

    >>> name_classes(['Can', 'Cup', 'Lid'], np.array([True, False, True]))
    'Can, Lid'
    """
    return ', '.join(show_name(classes[label]) for label in np.flatnonzero(chosen).tolist())


def show_name(name: str) -> str:
    r"""A class name as matplotlib is to be given it: not too long, and no formula.

    >>> show_name('Deposit $')
    'Deposit \\$'
    """
    if len(name) > _LONGEST_NAME:
        name = name[: _LONGEST_NAME - 1] + '…'
    return name.replace('$', r'\$')


def label_cells(axes: Axes, names: Sequence[str], size: int, color: str) -> None:
    """Names the rows and columns of a square matrix that is drawn as an image, and parts its cells.

    Args:
        axes: Shows the matrix.
        names: Of the rows, and of the columns.
        size: Of the names, in points.
        color: Of the lines between cells.
    """
    places = np.arange(len(names))
    axes.set_xticks(places, names, rotation=90, fontsize=size)
    axes.set_yticks(places, names, fontsize=size)
    axes.set_xticks(places[1:] - 0.5, minor=True)
    axes.set_yticks(places[1:] - 0.5, minor=True)
    axes.grid(which='minor', color=color, linewidth=0.5)
    axes.tick_params(which='minor', length=0)


def check_shape(name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuses values that do not fit the classes."""
    if values.shape != shape:
        raise InputError(f'{name} must have the shape {shape}, but has {values.shape}')


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes a PNG beside its place and then renames it, so that no half a picture is left.

    Args:
        figure: Is not changed.
        path: Ends in ``.png``; its folder is made if need be.

    Raises:
        InputError: If the path ends otherwise or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != '.png':
        raise InputError(f'{path}: a figure is written as .png')
    write_file(path, lambda beside: figure.savefig(beside, format='png', dpi=figure.dpi))


def save_photo(pixels: np.ndarray, path: str | Path) -> None:
    """Writes a JPEG as :func:`save_figure` writes a PNG.

    Args:
        pixels: RGB, uint8, shape (H, W, 3).
        path: Its folder is made if need be.

    Raises:
        InputError: If the path cannot be written.
    """
    image = Image.fromarray(pixels)
    write_file(path, lambda beside: image.save(beside, format='jpeg', quality=90))
