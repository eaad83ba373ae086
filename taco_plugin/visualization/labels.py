"""Boxes drawn on a tile, and labels that find their place beside them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .tiles import INK, Color, contrast, fit, font

_BEYOND = 50
_HIDEABLE = 40**2
"""Area from which on a label on a box hides less of it."""

_CROWDED = 15
_SMALL = 9
"""A box whose longer side is fewer pixels of the tile gets a ring, which is not to scale."""


def draw_boxes(
    picture: Image.Image, boxes: np.ndarray, texts: Sequence[str], colors: Sequence[Color]
) -> int:
    """Draws frames or rings, and labels; returns for how many labels there was no room."""
    draw, side = ImageDraw.Draw(picture), picture.width
    face = font(max(10, side // (36 if len(boxes) < _CROWDED else 48)))
    height = sum(face.getmetrics())
    texts = [fit(text, face, side - 6) for text in texts]
    sizes = [(int(face.getlength(text)) + 7, height) for text in texts]
    reverse = range(len(boxes) - 1, -1, -1)  # draws confident ones on top of others
    outlines = [draw_frame(draw, boxes[row], colors[row]) for row in reverse][::-1]
    places = place_labels(outlines, sizes, side)
    labels = list(zip(places, sizes, texts, colors, outlines, strict=True))
    for place, (width, _), _, color, (x1, y1, x2, y2) in labels:
        if place:
            x, y = place
            nearest = np.clip((x + width // 2, y + height // 2), (x1, y1), (x2, y2))
            draw.line((x + width // 2, y + height // 2, *nearest.tolist()), color, width=1)
    for place, (width, _), text, color, _ in labels:
        if place:
            x, y = place
            draw.rectangle((x, y, x + width - 1, y + height - 1), color)
            draw.text((x + 3, y + height / 2), text, contrast(color), face, anchor='lm')
    return places.count(None)


def draw_frame(
    draw: ImageDraw.ImageDraw, box: np.ndarray, color: Color, width: int = 2, dash: int = 0
) -> tuple[int, int, int, int]:
    """A frame on the edges of the box, or a ring if it is small, on a dark rim; its xyxy."""
    edge = max(draw.im.size) + _BEYOND  # boxes may end far off a crop
    x1, y1, x2, y2 = np.round(np.clip(box, -_BEYOND, edge)).astype(int).tolist()
    if max(x2 - x1, y2 - y1) < _SMALL:
        x, y = (x1 + x2) // 2, (y1 + y2) // 2
        x1, y1, x2, y2 = x - _SMALL, y - _SMALL, x + _SMALL, y + _SMALL
        draw.ellipse((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=INK, width=4)
        draw.ellipse((x1, y1, x2, y2), outline=color, width=2)
        return x1 - 1, y1 - 1, x2 + 2, y2 + 2
    outer = width // 2
    x1, y1, x2, y2 = x1 - outer, y1 - outer, x2 + outer - 1, y2 + outer - 1
    draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=INK, width=width + 2)
    if not dash:
        draw.rectangle((x1, y1, x2, y2), outline=color, width=width)
    for x in range(x1, x2, 2 * dash) if dash else ():
        for y in (y1, y2 - width + 1):
            draw.rectangle((x, y, min(x + dash, x2), y + width - 1), color)
    for y in range(y1, y2, 2 * dash) if dash else ():
        for x in (x1, x2 - width + 1):
            draw.rectangle((x, y, x + width - 1, min(y + dash, y2)), color)
    return x1 - 1, y1 - 1, x2 + 2, y2 + 2


def place_labels(
    outlines: Sequence[tuple[int, int, int, int]], sizes: Sequence[tuple[int, int]], side: int
) -> list[tuple[int, int] | None]:
    """Finds a place for each label near its box: within the tile, and over no label before it.

    The best is above the box and flush with its left side; a place farther off costs its distance,
    and one that hides boxes, small ones above all, costs more the more of the label lies on them.

    Args:
        outlines: What is drawn of each box, xyxy, pixels of the tile.
        sizes: Width and height of each label.
        side: Of the tile.

    Returns:
        Left and top of each label, None where there is no room.

    >>> place_labels([(10, 30, 40, 60), (10, 30, 40, 60)], [(50, 12), (50, 12)], side=100)
    [(10, 18), (10, 60)]
    """
    objects, labels = np.zeros((side, side), np.float32), np.zeros((side, side), np.float32)
    for x1, y1, x2, y2 in outlines:
        weight = min(_HIDEABLE / max((x2 - x1) * (y2 - y1), 1), 1)
        objects[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] += weight
    places: list[tuple[int, int] | None] = []
    for (x1, y1, x2, y2), (width, height) in zip(outlines, sizes, strict=True):
        if max(width, height) > side:
            places.append(None)
            continue
        y, x = np.ogrid[: side - height + 1, : side - width + 1]
        gap_x = np.maximum(np.maximum(x1 - x - width, x - x2), 0)
        gap_y = np.maximum(np.maximum(y1 - y - height, y - y2), 0)
        cost = gap_x + gap_y + 0.1 * (np.abs(x - x1) + np.abs(y - y1 + height))
        cost = cost + 150 * _sums(objects, width, height) / (width * height)
        cost[_sums(labels, width, height) > 0] = np.inf
        top, left = divmod(int(cost.argmin()), cost.shape[1])
        if not np.isfinite(cost[top, left]):
            places.append(None)
            continue
        places.append((left, top))
        labels[max(top - 1, 0) : top + height + 1, max(left - 1, 0) : left + width + 1] = 1
    return places


def _sums(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """Sum of the mask in each rectangle of that size, by its left top corner."""
    total = cv2.integral(mask)
    upper, lower = total[:-height], total[height:]
    return lower[:, width:] - lower[:, :-width] - upper[:, width:] + upper[:, :-width]
