"""Photographs with boxes: reading them at the size needed, drawing them, and joining tiles."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox
from PIL import Image

from ..images import Size, displayed_size, turn_upright

Color = tuple[int, int, int]  # RGB in [0, 255]

_DPI = 100
_CHARACTER, _LINE = 6.2, 14  # width and height in a title, pixels
_SMALL = 9  # drawn pixels; a box whose longer side is shorter gets a ring, not to scale
_STEPS = 100  # maximum number of steps for moving labels apart
_MOST_LABELS = 30
"""More would hide the photograph, and cost adjustText gigabytes if all boxes overlap."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph to draw on.

    Args:
        pixels: RGB, uint8, shape (H, W, 3), at most at drawing resolution; None if unreadable.
        size: Width and height in the pixels that boxes are given in.
        name: Name to show.
    """

    pixels: np.ndarray | None
    size: Size
    name: str


def read_photo(
    path: str | Path, name: str, size: Size | None = None, *, side: int, length: float = math.inf
) -> Photo:
    """Reads a photograph, rotated according to EXIF and no larger than needed.

    For a scaled copy, ``size`` is that of the original, in whose pixels boxes are given; None means
    the file's own. ``length`` of these pixels are drawn as ``side`` pixels; by default all.
    """
    try:
        with Image.open(path) as image:
            size = size or displayed_size(image)
            share = side / min(length, max(size)) * max(size) / max(image.size)
            width, height = (math.ceil(pixels * share) for pixels in image.size)
            image.thumbnail((width, height))  # decodes a JPEG at reduced size, and never enlarges
            return Photo(np.asarray(turn_upright(image).convert('RGB')), size, name)
    # Pillow promises no particular error; the drawing will show that there is one.
    except Exception:  # noqa: BLE001
        return Photo(None, size or (1, 1), name)


@dataclass(frozen=True, eq=False)
class Frame:
    """A box to be drawn: xyxy in pixels of the photograph."""

    box: np.ndarray
    color: Color
    label: str = ''
    width: float = 1.5
    dashed: bool = False


@dataclass(frozen=True, eq=False)
class Panel:
    """A photograph with boxes, the most important first, below a title.

    Args:
        photo: What is drawn.
        title: May have several lines.
        frames: Boxes to draw.
        square: Left, top and length of the part to be drawn; None for the whole photograph.
    """

    photo: Photo
    title: str
    frames: Sequence[Frame] = ()
    square: tuple[float, float, float] | None = None


def draw_panel(axes: Axes, panel: Panel, side: int) -> None:
    """Draws a photograph on square axes of ``side`` pixels, in the photograph's coordinates.

    The area beyond the photograph is grey. If it is unreadable, the panel is grey and says so. The
    title also counts labels that did not fit, and boxes that extend beyond the image, which happens
    if the photograph has another size than annotated.
    """
    photo, title = panel.photo, panel.title
    width, height = photo.size
    longer = max(width, height)
    left, top, length = panel.square or ((width - longer) / 2, (height - longer) / 2, longer)
    axes.set(xticks=[], yticks=[], facecolor='0.78', box_aspect=1, anchor='S')
    axes.spines[:].set_visible(False)
    if photo.pixels is None:
        text = f'{_wrap(photo.name, side)}\ncannot be read'
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha='center', va='center', fontsize=8)
    else:
        extent = (0, width, height, 0)
        axes.imshow(photo.pixels, extent=extent, aspect='auto', interpolation='bicubic')
    axes.set(xlim=(left, left + length), ylim=(top + length, top))
    if photo.pixels is not None:
        _draw_frames(axes, panel.frames, _SMALL * length / side)
        labelled = [frame for frame in panel.frames if frame.label]
        left_out = _draw_labels(axes, labelled)
        title += f', {left_out} without a label' if left_out else ''
        beyond = sum((frame.box[2:] > np.add(photo.size, 2)).any() for frame in labelled)
        title += f', {beyond} beyond the image' if beyond else ''
    axes.set_title(_wrap(title, side), loc='left', fontsize=8, pad=3)


def _draw_frames(axes: Axes, frames: Sequence[Frame], small: float) -> None:
    """Draws dark-edged frames, or rings around boxes shorter than ``small``; the first on top."""
    for frame in reversed(frames):
        edge = np.divide(frame.color, 255)
        rim = [withStroke(linewidth=frame.width + 1.5, foreground='0.1')]
        corner, extent = frame.box[:2], frame.box[2:] - frame.box[:2]
        if extent.max() < small:
            (ring,) = axes.plot(*(corner + extent / 2), 'o', markersize=12, path_effects=rim)
            ring.set(markerfacecolor='none', markeredgecolor=edge)
            continue
        place = tuple(corner.tolist())
        patch = Rectangle(place, *extent, fill=False, edgecolor=edge, path_effects=rim)
        patch.set(linewidth=frame.width, linestyle='--' if frame.dashed else '-')
        axes.add_patch(patch)


def _draw_labels(axes: Axes, frames: Sequence[Frame]) -> int:
    """Writes labels at their boxes without overlaps; returns how many did not fit."""
    if not frames:
        return 0
    from adjustText import adjust_text  # imports pyplot, so only if there is something to label

    total, frames = len(frames), frames[:_MOST_LABELS]
    labels = []
    for frame in frames:
        back = np.divide(frame.color, 255)
        place = frame.box[::2].mean(), frame.box[1]
        label = axes.text(*place, frame.label.replace('$', r'\$'), ha='center', va='bottom')
        label.set(fontsize=7, bbox={'facecolor': back, 'edgecolor': 'none', 'pad': 1.2})
        label.set_in_layout(False)  # its place is not final yet
        label.set_color('black' if back @ [0.299, 0.587, 0.114] > 0.5 else 'white')
        labels.append(label)
    middles = [frame.box.reshape(2, 2).mean(axis=0) for frame in frames]
    x, y = np.unique(middles, axis=0).T
    adjust_text(labels, x, y, ax=axes, iter_lim=_STEPS, prevent_crossings=False)
    taken: list[Bbox] = []
    for frame, label in zip(frames, labels, strict=True):
        extent = label.get_window_extent().padded(1)
        if extent.count_overlaps(taken):
            label.remove()
            continue
        taken.append(extent)
        middle = np.array(label.get_position())
        line = np.stack([middle, middle.clip(frame.box[:2], frame.box[2:])])
        axes.plot(*line.T, color=np.divide(frame.color, 255), linewidth=1)
    return total - len(taken)


def draw_tile(panel: Panel, side: int, lines: int = 2) -> np.ndarray:
    """Draws a panel as RGB, uint8, shape (H, W, 3).

    H and W depend only on ``side``, that of the photograph in pixels, and on ``lines``, the number
    of lines in the title.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
    size = side / _DPI, (side + _LINE * lines + 6) / _DPI
    figure = Figure(size, _DPI, layout=layout)
    draw_panel(figure.subplots(), panel, side)
    return render(figure)


def join_tiles(
    tiles: Sequence[np.ndarray], columns: int, *, gap: int = 0, heading: str = ''
) -> np.ndarray:
    """Arranges pictures of equal size in rows of ``columns``, below an optional heading."""
    columns = min(columns, len(tiles))
    spaced = [np.pad(tile, ((0, 0), (0, gap), (0, 0)), constant_values=255) for tile in tiles]
    spaced += [np.full_like(spaced[0], 255)] * (-len(tiles) % columns)
    rows = [np.concatenate(spaced[n : n + columns], 1) for n in range(0, len(spaced), columns)]
    if heading:
        figure = Figure((rows[0].shape[1] / _DPI, 1.5 * _LINE / _DPI), _DPI)
        figure.text(0.005, 0.5, _wrap(heading, rows[0].shape[1]), va='center', fontsize=8)
        rows.insert(0, render(figure))
    return np.concatenate(rows)


def render(figure: Figure) -> np.ndarray:
    """Renders a figure as RGB, uint8, shape (H, W, 3)."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _wrap(text: str, width: int) -> str:
    """Wraps text to a width in pixels, and escapes it so that it is not read as a formula."""
    shown = text.encode('utf-8', 'backslashreplace').decode()  # names of files may be any bytes
    lines = [textwrap.fill(line, int(width / _CHARACTER)) for line in shown.split('\n')]
    return '\n'.join(lines).replace('$', r'\$')
