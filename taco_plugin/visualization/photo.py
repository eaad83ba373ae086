"""An image to draw on: read from a file no larger than needed, and cut into square tiles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .tiles import PADDING, unread_tile

Source = str | Path | np.ndarray
"""A file, or RGB pixels of shape (H, W, 3), uint8."""

_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True, eq=False)
class Photo:
    """Pixels, RGB, by how much they are reduced, and what the image is called; None if unread."""

    pixels: np.ndarray | None
    reduction: int
    name: str

    @property
    def size(self) -> np.ndarray:
        """Width and height of the image before it was reduced, but for rounding."""
        return (
            np.array((0, 0) if self.pixels is None else self.pixels.shape[1::-1]) * self.reduction
        )

    def count_beyond(self, boxes: np.ndarray) -> int:
        """How many boxes end outside of it: those of a file of another size, for one."""
        return int((boxes[:, 2:] > self.size + 2 * self.reduction).any(axis=1).sum())

    def crop(
        self, centre: np.ndarray, length: float, side: int
    ) -> tuple[Image.Image, np.ndarray, float]:
        """A square of it, ``length`` pixels of the image long, as a tile of ``side`` pixels.

        It is moved into the image, and as long as that at most; what is beyond is grey. Also
        returns the corner of the square in pixels of the image, and by how much to multiply what
        is relative to it, 0 if the image is unread.
        """
        if self.pixels is None:
            return unread_tile(self.name, side), np.zeros(2), 0.0
        extent = np.array(self.pixels.shape[1::-1])
        size = max(round(min(length / self.reduction, extent.max())), 1)
        limits = extent - size
        start = np.round(centre / self.reduction - size / 2).astype(int)
        left, top = np.where(limits < 0, limits // 2, np.clip(start, 0, np.maximum(limits, 0)))
        square = np.full((size, size, 3), PADDING, dtype=np.uint8)
        part = self.pixels[max(top, 0) : top + size, max(left, 0) : left + size]
        y, x = max(-top, 0), max(-left, 0)
        square[y : y + part.shape[0], x : x + part.shape[1]] = part
        how = cv2.INTER_AREA if size > side else cv2.INTER_CUBIC
        picture = cv2.resize(square, (side, side), interpolation=how)
        corner = np.array([left, top]) * self.reduction
        return Image.fromarray(picture), corner, side / size / self.reduction


def read_photo(image: int, source: Source, side: int, length: float = np.inf) -> Photo:
    """Reads an image, reduced as far as ``length`` pixels of it, or all, still are ``side``."""
    if isinstance(source, np.ndarray):
        return Photo(source, 1, _name(image, source))
    pixels = None
    reduction = 1
    try:
        with Image.open(source) as header:
            length = min(length, max(header.size))
        reduction = max(factor for factor in _REDUCED if factor == 1 or length >= factor * side)
        pixels = cv2.imread(str(source), _REDUCED[reduction])
    except (OSError, Image.DecompressionBombError, cv2.error):
        pass  # the tile says so
    return Photo(None if pixels is None else pixels[..., ::-1], reduction, _name(image, source))


def _name(image: int, source: Source) -> str:
    return f'image {image}' if isinstance(source, np.ndarray) else '/'.join(Path(source).parts[-2:])
