"""Pictures of annotated images, and of pairs of images that are alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .labels import draw_boxes
from .photo import Source, read_photo
from .tiles import Color, paste, text_tile

_MOST_BOXES = 50
"""Of an image; more could not be told apart."""


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with its boxes.

    Args:
        source: File, or RGB pixels of shape (H, W, 3), uint8.
        name: One line.
        boxes: xyxy, absolute pixels, shape (N, 4).
        label: Class of each, shape (N,).
    """

    source: Source
    name: str
    boxes: np.ndarray
    label: np.ndarray


def mosaic_of_samples(
    samples: Iterable[Sample], classes: Sequence[str], colors: Sequence[Color], side: int = 480
) -> np.ndarray:
    """Draws images with their boxes, about as many in a row as there are rows.

    Of an image with more than 50 boxes, the 50 largest are drawn, and its title says so.

    Args:
        samples: At least one.
        classes: K names, each one line.
        colors: K colours.
        side: Of a tile, pixels.

    Returns:
        RGB, uint8, shape (H, W, 3).
    """
    tiles = []
    for sample in samples:
        photo = replace(read_photo(0, sample.source, side), name=sample.name)
        picture, corner, zoom = photo.crop(photo.size / 2, np.inf, side)
        title = f'{sample.name}: {_count(len(sample.boxes))}'
        if zoom:
            areas = (sample.boxes[:, 2:] - sample.boxes[:, :2]).prod(axis=1)
            rows = np.argsort(-areas, kind='stable')[:_MOST_BOXES]
            scaled = (sample.boxes[rows] - np.tile(corner, 2)) * zoom
            labels = sample.label[rows].tolist()
            names = [classes[label] for label in labels]
            left_out = draw_boxes(picture, scaled, names, [colors[label] for label in labels])
            title += f', the largest {len(rows)} drawn' if len(rows) < len(areas) else ''
            title += f', {left_out} without a label' if left_out else ''
        tiles.append(paste([text_tile([title], side), picture], columns=1))
    return np.asarray(paste(tiles, math.ceil(math.sqrt(len(tiles))), gap=8))


def _count(boxes: int) -> str:
    return f'{boxes} box' + 'es' * (boxes != 1)


@dataclass(frozen=True)
class Alike:
    """Two images and what to say of them, each one line."""

    sources: tuple[Source, Source]
    names: tuple[str, str]
    caption: str


def mosaic_of_pairs(
    pairs: Iterable[Alike], title: str, columns: int = 3, side: int = 240
) -> np.ndarray:
    """Draws pairs of images, each side by side above its caption.

    Args:
        pairs: At least one.
        title: Of all.
        columns: Pairs in a row.
        side: Of an image, pixels.

    Returns:
        RGB, uint8, shape (H, W, 3).
    """
    tiles = []
    for pair in pairs:
        both = []
        for source, name in zip(pair.sources, pair.names, strict=True):
            photo = replace(read_photo(0, source, side), name=name)
            picture, _, _ = photo.crop(photo.size / 2, np.inf, side)
            both.append(paste([text_tile([name], side), picture], columns=1))
        beside = paste(both, columns=2, gap=2)
        tiles.append(paste([beside, text_tile([pair.caption], beside.width)], columns=1))
    sheet = paste(tiles, columns, gap=14)
    return np.asarray(paste([text_tile([title], sheet.width), sheet], columns=1, gap=4))
