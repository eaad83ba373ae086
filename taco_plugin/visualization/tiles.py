"""Tiles of text, and tiles pasted side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]
"""RGB in [0, 255]."""

INK: Color = (25, 25, 25)
"""Of text, and of the rim around what is drawn."""

PADDING: Color = (200, 200, 200)
"""Of what lies beyond an image, and of one that cannot be read."""

TEXT = 12
"""Size of the font of titles and captions, pixels."""

_PAPER, _FAINT = (255, 255, 255), (110, 110, 110)


def text_tile(
    lines: Sequence[str], width: int, height: int = 1, faint: str | None = None
) -> Image.Image:
    """Lines of text, the last one ``faint`` if given, on a tile that has room for ``height``."""
    face = font(TEXT)
    step = sum(face.getmetrics()) + 1
    tile = Image.new('RGB', (width, height * step + 4), _PAPER)
    draw = ImageDraw.Draw(tile)
    for number, line in enumerate(lines):
        draw.text((2, 2 + number * step), fit(line, face, width - 4), INK, face)
    if faint is not None:
        draw.text((2, 2 + len(lines) * step), fit(faint, face, width - 4), _FAINT, face)
    return tile


def unread_tile(name: str, side: int) -> Image.Image:
    """A grey square that says that the image of that name cannot be read."""
    tile = Image.new('RGB', (side, side), PADDING)
    face = font(TEXT)
    text = '\n'.join([fit(name, face, side - 8), fit('cannot be read', face, side - 8)])
    draw = ImageDraw.Draw(tile)
    draw.text((side / 2, side / 2), text, INK, face, anchor='mm', align='center')
    return tile


def paste(tiles: Sequence[Image.Image], columns: int, gap: int = 0) -> Image.Image:
    """Tiles in rows of ``columns``, each in a cell that holds the largest."""
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    widths = [
        max(tile.width for tile in tiles[n::columns]) for n in range(min(columns, len(tiles)))
    ]
    heights = [max(tile.height for tile in row) for row in rows]
    size = sum(widths) + gap * (len(widths) - 1), sum(heights) + gap * (len(heights) - 1)
    picture = Image.new('RGB', size, _PAPER)
    for r, row in enumerate(rows):
        for c, tile in enumerate(row):
            picture.paste(tile, (sum(widths[:c]) + gap * c, sum(heights[:r]) + gap * r))
    return picture


def wrap(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Breaks a text at its spaces into lines that fit a tile of that width, but for long words."""
    lines = ['']
    for word in text.split(' '):
        longer = f'{lines[-1]} {word}'.strip()
        if face.getlength(longer) <= width - 4 or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def fit(text: str, face: ImageFont.FreeTypeFont, width: float) -> str:
    """The text, without its beginning if it is too long: scores and counts are at its end."""
    if face.getlength(text) <= width:
        return text
    while text and face.getlength(f'\u2026{text}') > width:
        text = text[1:]
    return f'\u2026{text}'


def contrast(color: Color) -> Color:
    """Black or white, whichever is easier to read on the colour."""
    red, green, blue = color
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else (255, 255, 255)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans of that size in pixels, as it comes with matplotlib."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), 'fonts/ttf/DejaVuSans.ttf'), size)
