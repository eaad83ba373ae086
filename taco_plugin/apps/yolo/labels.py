"""Lines of YOLO label files: written and read.

A line is a class, counted from 0, and either the centre and the size of a box or the corners of a
polygon, all as shares of the width and the height of the image.
"""

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...coco.clean import clip_box
from ...errors import InputError

DIGITS = 8
"""Decimal places of a share: an edge is off by at most 1e-8 of the image's side."""

PIXEL_DIGITS = 4
"""Decimal places of a pixel coordinate that was read from a label file.

A box that goes to a label file and back moves by at most 1e-8 of the image's side and 1e-4 px, and
comes back exactly if it was in whole pixels; one of less than 1e-4 px is lost."""

_SMALLEST = 10.0**-DIGITS


@dataclass(frozen=True)
class Label:
    """One object of a label file.

    Args:
        class_index: Counted from 0.
        shares: 4 numbers of a box (centre x, centre y, width, height) or at least 6 of a polygon
            (x and y of each corner), each in [0, 1].
    """

    class_index: int
    shares: tuple[float, ...]


def format_box(class_index: int, box: Sequence[float], width: int, height: int) -> str:
    """The line of a box.

    Args:
        class_index: Counted from 0.
        box: ``xywh``, absolute pixels, within the image.
        width: The image's, in pixels.
        height: The image's, in pixels.

    >>> format_box(3, [10, 20, 30, 40], 100, 80)
    '3 0.25 0.5 0.3 0.5'
    """
    x, y, w, h = box
    # A size of 0 would be no box.
    size = max(w / width, _SMALLEST), max(h / height, _SMALLEST)
    return _format_line(class_index, [(x + w / 2) / width, (y + h / 2) / height, *size])


def format_polygon(class_index: int, points: np.ndarray, width: int, height: int) -> str:
    """The line of a polygon.

    Args:
        class_index: Counted from 0.
        points: At least 3 corners within the image, absolute pixels, shape (N, 2).
        width: The image's, in pixels.
        height: The image's, in pixels.

    >>> format_polygon(0, np.array([[0, 0], [50, 0], [50, 80]]), 100, 80)
    '0 0 0 0.5 0 0.5 1'
    """
    return _format_line(class_index, (points / (width, height)).ravel().tolist())


def _format_line(class_index: int, shares: Sequence[float]) -> str:
    numbers = (f'{share + 0.0:.{DIGITS}f}'.rstrip('0').rstrip('.') for share in shares)  # never -0
    return ' '.join([str(class_index), *numbers])


def parse_labels(text: str, num_classes: int, name: str) -> list[Label]:
    """Reads a label file; blank lines are left out.

    Args:
        text: What the file holds.
        num_classes: Number of classes.
        name: Name of the file, for errors.

    Raises:
        InputError: If a line is not as the format asks; names the file and the line.

    >>> parse_labels('0 0.5 0.5 1 1', num_classes=1, name='a.txt')
    [Label(class_index=0, shares=(0.5, 0.5, 1.0, 1.0))]
    """
    labels = []
    for number, line in enumerate(text.split('\n'), start=1):
        if words := line.split():
            try:
                labels.append(_parse_line(words, num_classes))
            except ValueError as error:
                raise InputError(f'{name}, line {number}: {error}') from None
    return labels


def _parse_line(words: list[str], num_classes: int) -> Label:
    if len(words) != 5 and (len(words) < 7 or len(words) % 2 == 0):
        raise ValueError(
            'expected a class and the 4 numbers of a box, or 6 or more, in pairs, of a polygon; '
            f'found {len(words)} words'
        )
    class_index, *shares = map(_parse_number, words)
    if class_index not in range(num_classes):
        raise ValueError(
            f'unknown class {reprlib.repr(words[0])}: the classes are 0 to {num_classes - 1}'
        )
    for word, share in zip(words[1:], shares, strict=True):
        if not 0 <= share <= 1:  # NaN is neither
            raise ValueError(f'{reprlib.repr(word)} is not in [0, 1]')
    return Label(int(class_index), tuple(shares))


def _parse_number(word: str) -> float:
    try:
        if '_' in word:  # Python would take 1_0 for 10
            raise ValueError
        return float(word)
    except ValueError:
        raise ValueError(f'{reprlib.repr(word)} is no number') from None


def read_box(shares: Sequence[float], width: int, height: int) -> list[float]:
    """The box of a label.

    Args:
        shares: The 4 numbers of a box.
        width: The image's, in pixels.
        height: The image's, in pixels.

    Returns:
        ``xywh``, absolute pixels, rounded to :data:`PIXEL_DIGITS` places. Where it leaves the
        image by more than rounding does, it still does.

    >>> read_box([0.25, 0.5, 0.3, 0.5], 100, 80)
    [10.0, 20.0, 30.0, 40.0]
    """
    x, y, w, h = shares
    left, right = _edges(x, w, width)
    top, bottom = _edges(y, h, height)
    box = [left, top, *(round(size, PIXEL_DIGITS) for size in (right - left, bottom - top))]
    if 0 <= left <= right <= width and 0 <= top <= bottom <= height:
        return clip_box(box, width, height) or box  # the sum may exceed the side by rounding
    return box


def _edges(center: float, length: float, side: int) -> list[float]:
    edges = [center - length / 2, center + length / 2]
    for index, edge in enumerate(edges):
        for border in (0.0, 1.0):
            if abs(edge - border) <= _SMALLEST:
                edges[index] = border
    return [round(edge * side, PIXEL_DIGITS) for edge in edges]


def read_polygon(shares: Sequence[float], width: int, height: int) -> np.ndarray:
    """The corners of a label, absolute pixels, rounded likewise, shape (N, 2).

    >>> read_polygon([0, 0, 0.5, 0, 0.5, 1], 100, 80).tolist()
    [[0.0, 0.0], [50.0, 0.0], [50.0, 80.0]]
    """
    return (np.reshape(shares, (-1, 2)) * (width, height)).round(PIXEL_DIGITS)
