"""How images are cut into tiles, and how what is found in them is merged; without PyTorch."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...errors import InputError
from .merging import Overlap, Rule
from .views import View, cut_views

_VISIBLE = 0.05
"""Smallest object that the whole image shows well, as a fraction of its longest side."""

_SMALLEST = 64
"""Smallest size of a tile in pixels: the stride of the coarsest feature maps is 32 or more."""


@dataclass(frozen=True)
class Tiling:
    """How images are cut into tiles, and how what is found in them is merged.

    Pixels are those of the images that the pipeline gives to the detector.

    Args:
        tile_size: Longest side of a tile and, if there are several, of the whole image as one more
            view, in pixels.
        overlap: Share of a tile that it has in common with the next, at least; in [0, 0.9].
        whole_image: Whether the detector also sees the whole image, made smaller.
        largest_in_tiles: Largest object that tiles speak for, if the whole image is seen too: the
            square root of the area of its box, as a fraction of ``tile_size``. A tile shows parts
            of larger ones, which look like objects. In images of many tiles it is a twentieth of
            the image, as the whole shows nothing smaller well.
        tile_score: Factor for the scores in tiles, > 0. Tiles show many times more background than
            the whole image, and so more of what is taken for litter.
        batch_size: Number of views that the network sees at a time, which bounds its memory; by
            default 4, but 1 on a CPU, which is slower with larger batches.
        merge: What becomes of boxes that are one object: ``nms`` keeps the best of them, ``nmm``
            (non-maximum merging) joins them all to one box and one mask, which suits detections of
            high scores only.
        merge_overlap: Measure of their overlap, see :func:`~.merging.pairwise_overlap`.
        merge_threshold: Overlap above which they are one object, in [0, 1].
        max_per_image: Limit of the detections per image.

    Raises:
        InputError: If an argument is out of range.
    """

    tile_size: int = 640
    overlap: float = 0.2
    whole_image: bool = True
    largest_in_tiles: float = 0.125
    tile_score: float = 0.6
    batch_size: int | None = None
    merge: Rule = 'nms'
    merge_overlap: Overlap = 'iou'
    merge_threshold: float = 0.5
    max_per_image: int = 300

    def __post_init__(self) -> None:
        bounds = {
            'tile_size': (_SMALLEST, math.inf),
            'overlap': (0, 0.9),
            'largest_in_tiles': (0, math.inf),
            'tile_score': (0, math.inf),
            'batch_size': (1, math.inf),
            'merge_threshold': (0, 1),
            'max_per_image': (1, math.inf),
        }
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                limits = f'[{least}, {most}]'
                raise InputError(f'model.tiling.{name} must be in {limits}, but is {value}')

    def cut(self, shape: tuple[int, int], image: int = 0) -> list[View]:
        """Views of an image with this height and width, see :func:`~.views.cut_views`."""
        return cut_views(image, shape, self.tile_size, self.overlap, whole=self.whole_image)

    def largest(self, shape: Sequence[int]) -> float:
        """Largest object that the tiles of an image with this height and width speak for, pixels.

        It is the square root of the area of its box.
        """
        return max(self.largest_in_tiles * self.tile_size, _VISIBLE * max(shape))


def batch_views(views: Sequence[View], batch_size: int) -> Iterator[Sequence[View]]:
    """Yields batches of views of one size, which need no padding to another's."""
    for size in dict.fromkeys(view.size for view in views):
        alike = [view for view in views if view.size == size]
        for start in range(0, len(alike), batch_size):
            yield alike[start : start + batch_size]
