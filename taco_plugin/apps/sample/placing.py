"""Where the objects of a picture go: mostly whole, sometimes cut by the border, never touching."""

import numpy as np

from . import settings
from .sprite import Patch

_TRIES = 40
_GAP = 2


class Placer:
    """Finds free places in one image and remembers them.

    Args:
        rng: Source of randomness.
        size: Width and height of the image in pixels.
    """

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self._rng = rng
        self._size = size
        self._taken = np.zeros((size, size), bool)
        self._boxes: list[tuple[float, float, float, float]] = []

    def find(self, patch: Patch) -> tuple[int, int] | None:
        """Returns x and y for the patch's upper left corner, or None if no place was found."""
        can_be_cut = self._rng.random() < settings.CUT_SHARE
        for _ in range(_TRIES):
            x, y = self._draw_position(patch.alpha.shape, can_be_cut)
            if self._is_free(patch, x, y):
                self._take(patch, x, y)
                return x, y
        return None

    def _draw_position(self, shape: tuple[int, ...], can_be_cut: bool) -> tuple[int, int]:
        height, width = shape
        beyond = 0.5 if can_be_cut else 0.0
        x, y = (
            self._rng.uniform(-beyond * side, max(self._size - (1 - beyond) * side, 1))
            for side in (width, height)
        )
        return int(x), int(y)

    def _is_free(self, patch: Patch, x: int, y: int) -> bool:
        solid = patch.alpha > 0
        rows, columns = np.nonzero(solid)
        rows, columns = rows + y, columns + x
        seen = (rows >= 0) & (rows < self._size) & (columns >= 0) & (columns < self._size)
        if seen.mean() < settings.MIN_VISIBLE:
            return False
        if self._taken[rows[seen], columns[seen]].any():
            return False
        bounds = self._visible_box(patch, x, y)
        return all(box_iou(bounds, other) <= settings.MAX_BOX_IOU for other in self._boxes)

    def _visible_box(self, patch: Patch, x: int, y: int) -> tuple[float, float, float, float]:
        moved = np.clip(patch.outline + (x - patch.x, y - patch.y), 0, self._size)
        (left, top), (right, bottom) = moved.min(axis=0).tolist(), moved.max(axis=0).tolist()
        return left, top, right, bottom

    def _take(self, patch: Patch, x: int, y: int) -> None:
        rows, columns = np.nonzero(patch.alpha > 0)
        for down in (-_GAP, 0, _GAP):
            for right in (-_GAP, 0, _GAP):
                row = np.clip(rows + y + down, 0, self._size - 1)
                column = np.clip(columns + x + right, 0, self._size - 1)
                self._taken[row, column] = True
        self._boxes.append(self._visible_box(patch, x, y))


def box_iou(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Returns the intersection over union of two ``xyxy`` boxes.

    Example:
        >>> box_iou((0, 0, 2, 2), (1, 0, 3, 2))
        0.3333333333333333
    """
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0) * max(height, 0)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (sum(areas) - shared)
