"""Mosaics of detections beside the ground truth, and of a detector's most confident errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..boxes import Boxes
from ..evaluation.detection_errors import DetectionErrors
from ..images import Size
from .figure import empty_figure
from .photo import Color, Frame, Panel, draw_tile, join_tiles, read_photo, render

_WRONG: Color = (255, 120, 0)
_TRUE: Color = (86, 180, 233)
_LEGEND = 'orange: the wrong detection   blue, dashed: true boxes, bold the one in question'
_ERRORS = {
    'classification': 'classification error',
    'localization': 'localization error',
    'both': 'classification and localization error',
}
_PHOTO_SIDE, _PHOTO_COLUMNS = 480, 2
_CROP_SIDE, _CROP_COLUMNS = 240, 6
_LEAST_CROP = 64.0
_MOST_WRONG, _MOST_MISSED, _MOST_PER_IMAGE = 24, 12, 3


def mosaic_of_predictions(
    images: Mapping[int, str | Path],
    truth: Boxes,
    detections: Boxes,
    *,
    classes: Sequence[str],
    colors: Sequence[Color],
    sizes: Mapping[int, Size],
    score_threshold: float,
) -> np.ndarray:
    """Draws each image twice: with its true boxes on the left, with the detections on the right.

    Frames and labels have the colour of their class; a box too small to be seen is ringed. Labels
    do not overlap. The title of a panel counts labels that did not fit, and boxes that extend
    beyond the image. An image that cannot be read is replaced by a grey panel that says so.

    Args:
        images: Image id -> file, which may be a scaled copy; at least one.
        truth: Ground truth; may include other images.
        detections: What was detected.
        classes: Name of each class.
        colors: RGB in [0, 255] of each class.
        sizes: Image id -> width and height of the original, in whose pixels the boxes are given.
        score_threshold: Least confidence of a detection that is drawn.

    Returns:
        RGB, uint8, shape (H, W, 3).
    """
    detections = detections[np.argsort(-detections.score, kind='stable')]
    detections = detections[detections.score >= score_threshold]
    tiles = []
    for image, path in images.items():
        photo = read_photo(path, _name(path), sizes[image], side=_PHOTO_SIDE)
        true, detected = truth[truth.image == image], detections[detections.image == image]
        scores = zip(detected.label, detected.score, strict=True)
        labels = [classes[k] for k in true.label], [f'{classes[k]} {s:.2f}' for k, s in scores]
        what = 'true boxes', f'detections with score >= {score_threshold:g}'
        pair = []
        for boxes, texts, name in zip((true, detected), labels, what, strict=True):
            rows = zip(boxes.xyxy, boxes.label, texts, strict=True)
            frames = [Frame(box, colors[kind], text) for box, kind, text in rows]
            title = f'{photo.name}, {name}: {len(boxes)}'
            pair.append(draw_tile(Panel(photo, title, frames), _PHOTO_SIDE))
        tiles.append(join_tiles(pair, 2))
    return join_tiles(tiles, _PHOTO_COLUMNS, gap=14)


def mosaic_of_errors(
    images: Mapping[int, str | Path],
    truth: Boxes,
    detections: Boxes,
    *,
    errors: DetectionErrors,
    classes: Sequence[str],
    sizes: Mapping[int, Size],
) -> np.ndarray:
    """Draws crops around the 24 most confident wrong detections, then around 12 missed boxes.

    At most three of each kind come from one image. A crop is at least 3 times as long as the box
    and at least 64 pixels, but no larger than the image. The wrong detection has a solid orange
    frame. True boxes have dashed blue ones, bold if the error concerns them. A missed box has no
    crop of its own if it is the true box of an error that has one.

    Arguments are as for :func:`mosaic_of_predictions`; ``errors`` is the result of ``find_errors``.
    """
    tiles = []
    for image, frames, title in _choose_cases(truth, detections, errors, classes):
        path, size = images[image], sizes[image]
        square = _place_crop(size, frames)
        photo = read_photo(path, _name(path), size, side=_CROP_SIDE, length=square[2])
        true = truth.xyxy[truth.image == image]
        others = [Frame(box, _TRUE, width=1, dashed=True) for box in true]
        panel = Panel(photo, f'{title}\n{photo.name}', [*frames, *others], square)
        tiles.append(draw_tile(panel, _CROP_SIDE, lines=4))
    if not tiles:
        return render(empty_figure('Errors', 'no errors'))
    return join_tiles(tiles, _CROP_COLUMNS, heading=_LEGEND)


def _choose_cases(
    truth: Boxes, detections: Boxes, errors: DetectionErrors, classes: Sequence[str]
) -> list[tuple[int, list[Frame], str]]:
    """Chooses the errors to draw: image, frames (the main one first) and title of each."""
    shown = _choose(detections.image[errors.detection], _MOST_WRONG)
    missed = errors.missed[~np.isin(errors.missed, errors.truth[shown])]
    missed = missed[_choose(truth.image[missed], _MOST_MISSED)]
    cases = []
    for row in shown.tolist():
        wrong, partner, kind = errors.detection[row], errors.truth[row], errors.kind[row]
        title = f'{_ERRORS.get(kind, kind)}: {classes[detections.label[wrong]]}'
        title += f' ({detections.score[wrong]:.2f})'
        frames = [Frame(detections.xyxy[wrong], _WRONG)]
        if partner >= 0:
            frames.append(Frame(truth.xyxy[partner], _TRUE, width=2.5, dashed=True))
        if kind in ('classification', 'both'):
            title += f', is {classes[truth.label[partner]]}'
        if kind in ('localization', 'both'):
            title += f', IoU\u00a0{errors.iou[row]:.2f}'
        cases.append((int(detections.image[wrong]), frames, title))
    for row in missed.tolist():
        width, height = truth.xyxy[row, 2:] - truth.xyxy[row, :2]
        title = f'missed: {classes[truth.label[row]]}, {width:.0f}×{height:.0f}\u00a0px'
        frame = Frame(truth.xyxy[row], _TRUE, width=2.5, dashed=True)
        cases.append((int(truth.image[row]), [frame], title))
    return cases


def _choose(images: np.ndarray, most: int) -> np.ndarray:
    """Indices of the first ``most`` entries, with a limit for each image."""
    count: Counter[int] = Counter()
    chosen: list[int] = []
    for position, image in enumerate(images.tolist()):
        count[image] += 1
        if count[image] <= _MOST_PER_IMAGE and len(chosen) < most:
            chosen.append(position)
    return np.array(chosen, dtype=np.int64)


def _place_crop(size: Size, frames: Sequence[Frame]) -> tuple[float, float, float]:
    """Left, top and length of the square around boxes, the main one first, within the image."""
    main, *others = (frame.box.reshape(2, 2) for frame in frames)
    every = np.concatenate([main, *others])
    length = max(3 * np.ptp(main, axis=0).max(), 1.5 * np.ptp(every, axis=0).max(), _LEAST_CROP)
    length = min(length, max(size))
    start = (every.min(axis=0) + every.max(axis=0) - length) / 2
    room = np.subtract(size, length)
    return *np.where(room < 0, room / 2, start.clip(0, room.clip(0))), length


def _name(path: str | Path) -> str:
    return '/'.join(Path(path).parts[-2:])
