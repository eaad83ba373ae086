"""One photograph under several detectors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..boxes import Boxes, check_labels
from ..errors import InputError
from ..evaluation.disagreement import judge_boxes
from .labels import draw_boxes
from .photo import Photo, Source, read_photo
from .run_styles import shorten_names
from .tiles import Color, paste, text_tile

_COLUMNS = 4
_GAP = 8
_WRONG = '\u2717 '


def side_by_side(
    source: Source | Photo,
    truth: Boxes,
    founds: Sequence[Boxes],
    names: Sequence[str],
    thresholds: Sequence[float],
    classes: Sequence[str],
    colors: Sequence[Color],
    side: int = 360,
) -> np.ndarray:
    """Draws a photograph with its true boxes and with the detections of each run, named above it.

    Each title counts the right, missed and wrong boxes at IoU 0.50, as
    :func:`~taco_plugin.evaluation.disagreement.judge_boxes` has them; labels of wrong detections
    begin with a cross. There are four tiles in a row at most. A photograph that cannot be read is
    grey tiles that say so.

    Args:
        source: File or pixels of the photograph, or what :func:`read_photo` returned, which a
            caller may keep. Files are turned as their EXIF data say.
        truth: Ground truth of this image.
        founds: Detections of each of R runs in this image, without those that do not count.
        names: Of the runs.
        thresholds: Least confidence of each run's detections, which the titles state.
        classes: Name of each class.
        colors: RGB in [0, 255] of each class.
        side: Of a tile, pixels.

    Returns:
        RGB, uint8, shape (H, W, 3).

    Raises:
        InputError: If there is no run, there are not R names and thresholds, a class has no
            colour, a box no class, or boxes are of several images.
    """
    _check(truth, founds, names, thresholds, classes, colors)
    photo = source if isinstance(source, Photo) else read_photo(0, source, side)
    texts = [classes[label] for label in truth.label]
    crowds, beyond = int(truth.crowd.sum()), photo.count_beyond(truth.xyxy)
    count = f'boxes: {len(truth) - crowds}' + (f', crowds: {crowds}' if crowds else '')
    if beyond and photo.pixels is not None:
        count += f', beyond the image: {beyond}'
    tiles = [_draw_tile(photo, truth, texts, colors, side)]
    titles = [['Ground truth', count]]
    for name, found, threshold in zip(shorten_names(names), founds, thresholds, strict=True):
        found = found[np.argsort(-found.score, kind='stable')]
        verdicts = judge_boxes(truth, found)
        columns = found.label, found.score, verdicts.wrong
        texts = [
            f'{_WRONG if wrong else ""}{classes[label]} {score:.2f}'
            for label, score, wrong in zip(*columns, strict=True)
        ]
        tiles.append(_draw_tile(photo, found, texts, colors, side))
        right, missed, wrong = (
            int(some.sum()) for some in (verdicts.right, verdicts.missed, verdicts.wrong)
        )
        counts = f'{right} right, {missed} missed, {wrong} wrong'
        titles.append([name, f'{counts}  (score \u2265 {threshold:.2f})'])
    return np.asarray(_arrange(photo.name, tiles, titles, side))


def _check(
    truth: Boxes,
    founds: Sequence[Boxes],
    names: Sequence[str],
    thresholds: Sequence[float],
    classes: Sequence[str],
    colors: Sequence[Color],
) -> None:
    if not founds:
        raise InputError('founds must not be empty: there is no run to compare')
    for name, column in (('names', names), ('thresholds', thresholds)):
        if len(column) != len(founds):
            raise InputError(f'{name} must be {len(founds)}, one per run, but are {len(column)}')
    if len(colors) < len(classes):
        raise InputError(f'colors must be {len(classes)} or more, but are {len(colors)}')
    for boxes in (truth, *founds):
        check_labels('a box', boxes.label, len(classes))
    images = sorted({int(image) for boxes in (truth, *founds) for image in boxes.image})
    if len(images) > 1:
        raise InputError(f'boxes must be of one image, but are of {images}')


def _draw_tile(
    photo: Photo, boxes: Boxes, texts: Sequence[str], colors: Sequence[Color], side: int
) -> tuple[Image.Image, str]:
    """All of the photograph with its boxes, and for how many labels there was no room."""
    picture, corner, zoom = photo.crop(photo.size / 2, np.inf, side)
    if not zoom:
        return picture, ''
    scaled = (boxes.xyxy - np.tile(corner, 2)) * zoom
    left_out = draw_boxes(picture, scaled, texts, [colors[label] for label in boxes.label])
    return picture, f'labels without room: {left_out}' if left_out else ''


def _arrange(
    name: str, tiles: Sequence[tuple[Image.Image, str]], titles: Sequence[list[str]], side: int
) -> Image.Image:
    """Titles above their tiles, in rows as equally long as can be, below the photograph's name."""
    height = 2 + any(remark for _, remark in tiles)
    whole = [
        paste([text_tile(title, side, height, remark or None), picture], columns=1)
        for (picture, remark), title in zip(tiles, titles, strict=True)
    ]
    rows = math.ceil(len(whole) / _COLUMNS)
    grid = paste(whole, math.ceil(len(whole) / rows), gap=_GAP)
    return paste([text_tile([name], grid.width), grid], columns=1)
