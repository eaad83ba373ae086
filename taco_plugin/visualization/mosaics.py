"""Pictures of detections beside the ground truth, and of what a detector gets most wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from ..boxes import Boxes
from ..errors import InputError
from ..evaluation.detection_errors import DetectionErrors
from .labels import draw_boxes, draw_frame
from .photo import Photo, Source, read_photo
from .tiles import TEXT, Color, font, paste, text_tile, wrap

WRONG: Color = (255, 120, 0)
TRUE: Color = (86, 180, 233)
_LEGEND = 'orange: the wrong detection   blue, dashed: true boxes, bold the one in question'
_LEAST_CROP = 64.0


def mosaic_of_predictions(
    images: Mapping[int, Source],
    truth: Boxes,
    found: Boxes,
    classes: Sequence[str],
    colors: Sequence[Color],
    score_threshold: float = 0.25,
    columns: int = 2,
    side: int = 480,
) -> np.ndarray:
    """Draws each image twice: with its true boxes on the left, with the detections on the right.

    Frames and labels have the colour of their class; a box too small to be seen is ringed. Labels
    neither cover each other nor leave the tile. The title of a tile counts labels for which there
    is no room, and boxes that reach beyond the image. An image that cannot be read is a grey tile
    that says so.

    Args:
        images: Image id -> file, or RGB pixels of shape (H, W, 3), uint8. Boxes of other images
            are not drawn. Files are turned as their EXIF data say, as annotations assume.
        truth: Ground truth.
        found: Detections.
        classes: Name of each class.
        colors: RGB in [0, 255] of each class.
        score_threshold: Least confidence of a detection that is drawn.
        columns: Images in a row.
        side: Of a tile, pixels.

    Returns:
        RGB, uint8, shape (H, W, 3).

    Raises:
        InputError: If there is no image, a class has no colour, or a box no class.
    """
    if not images:
        raise InputError('images must not be empty')
    if len(colors) < len(classes):
        raise InputError(f'colors must be {len(classes)} or more, but are {len(colors)}')
    _check_classes(classes, truth, found)
    found = found[np.argsort(-found.score, kind='stable')]
    found = found[found.score >= score_threshold]
    what = f'detections with score >= {score_threshold:g}'
    pairs = []
    for image, source in images.items():
        photo = read_photo(image, source, side)
        true, seen = truth[truth.image == image], found[found.image == image]
        names = [classes[label] for label in true.label]
        scores = [f'{classes[t]} {s:.2f}' for t, s in zip(seen.label, seen.score, strict=True)]
        left = _tile_of_boxes(photo, 'true boxes', true, names, colors, side)
        right = _tile_of_boxes(photo, what, seen, scores, colors, side)
        pairs.append(paste([left, right], columns=2, gap=2))
    return np.asarray(paste(pairs, columns, gap=14))


def mosaic_of_errors(
    images: Mapping[int, Source],
    truth: Boxes,
    found: Boxes,
    errors: DetectionErrors,
    classes: Sequence[str],
    most: int = 24,
    most_missed: int = 12,
    most_per_image: int = 3,
    columns: int = 6,
    side: int = 240,
) -> np.ndarray:
    """Draws crops around the most confident wrong detections, then around missed boxes.

    A crop is 3 times as long as the box or more, 64 pixels at least, the image at most. The wrong
    detection has a solid orange frame, true boxes have dashed blue ones, bold if the error is about
    them. A missed box has no crop of its own if it is the true box of an error that has one.

    Args:
        images: Image id -> file, or RGB pixels of shape (H, W, 3), uint8. Files are turned as
            their EXIF data say.
        truth: Ground truth, as it was given to ``confident_errors``.
        found: Detections, as they were given to it.
        errors: What it returned.
        classes: Name of each class.
        most: How many wrong detections are drawn at most.
        most_missed: How many missed boxes are drawn at most.
        most_per_image: How many of each of the two may be of one image.
        columns: Crops in a row.
        side: Of a crop in the mosaic, pixels.

    Returns:
        RGB, uint8, shape (H, W, 3).

    Raises:
        InputError: If a box has no class, or an image with an error is not given.
    """
    _check_classes(classes, truth, found)
    shown = _choose(found.image[errors.found], most, most_per_image)
    missed = errors.missed[~np.isin(errors.missed, errors.truth[shown])]
    missed = missed[_choose(truth.image[missed], most_missed, most_per_image)]
    cases = [
        *_wrong_cases(truth, found, errors, classes, shown),
        *_missed_cases(truth, missed, classes),
    ]
    captions = [wrap(case.caption, font(TEXT), side) for case in cases]
    lines = 1 + max((len(caption) for caption in captions), default=0)
    tiles: dict[int, Image.Image] = {}
    for image in dict.fromkeys(case.image for case in cases):  # each file is read once
        if image not in images:
            raise InputError(f'images has no image {image}, which has an error')
        here = [number for number, case in enumerate(cases) if case.image == image]
        photo = read_photo(image, images[image], side, min(cases[n].length for n in here))
        true = truth.xyxy[truth.image == image]
        for number in here:
            picture = _draw_case(photo, cases[number], true, side)
            caption = text_tile(captions[number], side, lines, photo.name)
            tiles[number] = paste([picture, caption], columns=1)
    width = (side + 8) * min(columns, max(len(cases), 1)) - 8
    parts = [text_tile([_LEGEND] if cases else ['no errors'], width)]
    if cases:
        parts.append(paste([tiles[number] for number in range(len(cases))], columns, gap=8))
    return np.asarray(paste(parts, columns=1, gap=4))


@dataclass(frozen=True, eq=False)
class _Case:
    """An error, and its boxes: the wrong detection (N = 0 or 1) and the true box (M = 0 or 1)."""

    image: int
    wrong: np.ndarray
    true: np.ndarray
    caption: str

    @property
    def extent(self) -> np.ndarray:
        """Left, top, right and bottom of the boxes together."""
        boxes = np.concatenate([self.wrong, self.true])
        return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])

    @property
    def length(self) -> float:
        """Side of the square to be drawn, pixels of the image."""
        main = np.concatenate([self.wrong, self.true])[0]
        sides = 3 * (main[2:] - main[:2]), 1.5 * (self.extent[2:] - self.extent[:2])
        return max(float(np.max(sides)), _LEAST_CROP)


def _choose(images: np.ndarray, most: int, most_per_image: int) -> np.ndarray:
    """Positions of the first, of which no image has too many."""
    count: Counter[int] = Counter()
    chosen: list[int] = []
    for position, image in enumerate(images.tolist()):
        count[image] += 1
        if count[image] <= most_per_image and len(chosen) < most:
            chosen.append(position)
    return np.array(chosen, dtype=np.int64)


def _wrong_cases(
    truth: Boxes,
    found: Boxes,
    errors: DetectionErrors,
    classes: Sequence[str],
    shown: np.ndarray,
) -> Iterator[_Case]:
    columns = (errors.found[shown], errors.truth[shown], errors.kind[shown], errors.iou[shown])
    for row, partner, kind, iou in zip(*columns, strict=True):
        caption = f'{kind}: {classes[found.label[row]]} ({found.score[row]:.2f})'
        caption += f', is {classes[truth.label[partner]]}' if 'confused' in kind else ''
        caption += f', IoU\u00a0{iou:.2f}' if 'located' in kind else ''
        true = truth.xyxy[[partner] if partner >= 0 else []]
        yield _Case(int(found.image[row]), found.xyxy[[row]], true, caption)


def _missed_cases(truth: Boxes, missed: np.ndarray, classes: Sequence[str]) -> Iterator[_Case]:
    for row in missed:
        width, height = truth.xyxy[row, 2:] - truth.xyxy[row, :2]
        caption = f'missed: {classes[truth.label[row]]}, {width:.0f}\u00d7{height:.0f}\u00a0px'
        yield _Case(int(truth.image[row]), np.empty((0, 4)), truth.xyxy[[row]], caption)


def _draw_case(photo: Photo, case: _Case, true: np.ndarray, side: int) -> Image.Image:
    """A crop, with dashes around all true boxes of the image, shape (N, 4)."""
    picture, corner, zoom = photo.crop((case.extent[:2] + case.extent[2:]) / 2, case.length, side)
    if zoom:
        draw = ImageDraw.Draw(picture)
        frames = [(true, TRUE, 1, 4), (case.true, TRUE, 3, 8), (case.wrong, WRONG, 2, 0)]
        for boxes, color, width, dash in frames:
            for box in boxes:
                draw_frame(draw, (box - np.tile(corner, 2)) * zoom, color, width, dash)
    return picture


def _tile_of_boxes(
    photo: Photo, what: str, boxes: Boxes, texts: Sequence[str], colors: Sequence[Color], side: int
) -> Image.Image:
    """All of an image with its boxes and their labels, below a title."""
    picture, corner, zoom = photo.crop(photo.size / 2, np.inf, side)
    title = f'{photo.name}, {what}: {len(boxes)}'
    if zoom:
        scaled = (boxes.xyxy - np.tile(corner, 2)) * zoom
        left_out = draw_boxes(picture, scaled, texts, [colors[label] for label in boxes.label])
        title += f', {left_out} without a label' if left_out else ''
        beyond = photo.count_beyond(boxes.xyxy)
        title += f', {beyond} beyond the image' if beyond else ''
    return paste([text_tile([title], side), picture], columns=1, gap=0)


def _check_classes(classes: Sequence[str], *boxes: Boxes) -> None:
    largest = max((int(some.label.max()) for some in boxes if len(some)), default=-1)
    if largest >= len(classes):
        raise InputError(
            f'classes must name every label, but there are {len(classes)} and {largest}'
        )
