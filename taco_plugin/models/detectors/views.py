"""Overlapping tiles of an image, and the whole of it, as views of a detector."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

EDGE = 6
"""Distance from the inner edge of a tile, in pixels, up to which it may have cut a box."""


@dataclass(frozen=True)
class View:
    """A part of an image, or the whole of it made smaller.

    Args:
        image: Index of the image in its batch.
        box: The part, xyxy in pixels of the image.
        size: Height and width that the network sees, pixels.
    """

    image: int
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    inner: tuple[bool, bool, bool, bool]
    """Whether the image goes on to the left of the box, above it, to its right and below it."""

    @property
    def is_whole(self) -> bool:
        """Whether it shows all of the image."""
        return not any(self.inner)

    def cuts(self, boxes: np.ndarray) -> np.ndarray:
        """Whether an inner edge may have cut each box, xyxy in pixels of the image."""
        inside = (boxes - self.box) * [1, 1, -1, -1]
        is_inner = np.array(self.inner)
        return np.any((inside <= EDGE) & is_inner, axis=1)


def cut_pixels(image: np.ndarray, view: View) -> np.ndarray:
    """Pixels of a view of an image, shapes (height, width, C)."""
    left, top, right, bottom = view.box
    part = image[top:bottom, left:right]
    if part.shape[:2] == view.size:
        return part
    # As ``Resize`` does, by which the detector has learned: smoother pixels are less litter to it.
    return cv2.resize(part, view.size[::-1], interpolation=cv2.INTER_LINEAR)


def tile_starts(size: int, tile: int, overlap: float) -> list[int]:
    """Starts of the fewest evenly spaced tiles that cover ``size`` pixels.

    Neighbours have a fraction of ``overlap`` of the tile in common, or more.

    >>> tile_starts(1600, 640, 0.2)
    [0, 480, 960]
    """
    if size <= tile:
        return [0]
    # Rounded, as an exact fit of 5 tiles may else be 5.0000000001.
    count = math.ceil(round((size - tile * overlap) / (tile * (1 - overlap)), 6))
    return [round(index * (size - tile) / (count - 1)) for index in range(count)]


def cut_views(
    image: int, shape: tuple[int, int], tile: int, overlap: float, *, whole: bool
) -> list[View]:
    """Lists the tiles of an image and, if they are several and ``whole``, the whole image.

    Args:
        image: Index of the image in its batch.
        shape: Its height and width, pixels.
        tile: Longest side of a tile, pixels.
        overlap: See :func:`tile_starts`.
        whole: Whether the whole image is added, with ``tile`` as its longest side.
    """
    height, width = shape
    views = []
    for top in tile_starts(height, tile, overlap):
        for left in tile_starts(width, tile, overlap):
            right, bottom = min(left + tile, width), min(top + tile, height)
            inner = left > 0, top > 0, right < width, bottom < height
            size = bottom - top, right - left
            views.append(View(image, (left, top, right, bottom), size, inner))
    if whole and len(views) > 1:
        factor = tile / max(height, width)
        size = max(round(height * factor), 1), max(round(width * factor), 1)
        views.append(View(image, (0, 0, width, height), size, (False,) * 4))
    return views
