"""Shows the detections of several runs on one photograph."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...boxes import Boxes
from ...evaluation.detection_errors import judge_boxes
from ...taxonomies.palette import palette
from ...visualization.photo import Frame, Panel, draw_tile, join_tiles, read_photo
from .run_styles import shorten_names

_COLUMNS = 4
_SIDE = 440
"""Length of a drawn photograph in pixels."""


def side_by_side(
    path: Path,
    size: tuple[int, int],
    truth: Boxes,
    *,
    runs: Mapping[str, tuple[Boxes, float]],
    classes: Sequence[str],
) -> np.ndarray:
    """Draws a photograph with its true boxes, and with the detections of each run.

    Titles count the right, missed and wrong boxes at IoU 0.50, as
    judged by :func:`~taco_plugin.evaluation.detection_errors.judge_boxes`. Labels of wrong
    detections begin with a cross. If a photograph cannot be read, its panels say so.

    Args:
        path: The photograph, or a scaled copy; it is rotated according to EXIF.
        size: Width and height of the original photograph, in whose pixels the boxes are given.
        truth: Ground truth of this image.
        runs: Name of each run -> its detections in this image that count, and its threshold.
        classes: Name of each class.

    Returns:
        RGB, uint8, shape (H, W, 3).
    """
    colors = palette(len(classes))
    photo = read_photo(path, '/'.join(path.parts[-2:]), size, side=_SIDE)

    def draw(title: str, boxes: Boxes, labels: Sequence[str]) -> np.ndarray:
        each = zip(boxes.xyxy, boxes.label, labels, strict=True)
        frames = [Frame(box, colors[label], text) for box, label, text in each]
        return draw_tile(Panel(photo, title, frames), _SIDE)

    crowds = int(truth.crowd.sum())
    count = f'boxes: {len(truth) - crowds}' + (f', crowds: {crowds}' if crowds else '')
    tiles = [draw(f'Ground truth\n{count}', truth, [classes[label] for label in truth.label])]
    for shown, (boxes, least) in zip(shorten_names(runs), runs.values(), strict=True):
        boxes = boxes[np.argsort(-boxes.score, kind='stable')]
        are = judge_boxes(truth, boxes)
        counts = f'{are.right.sum()} right, {are.missed.sum()} missed, {are.wrong.sum()} wrong'
        each = zip(boxes.label, boxes.score, are.wrong, strict=True)
        labels = [f'{"✗ " if wrong else ""}{classes[k]} {score:.2f}' for k, score, wrong in each]
        tiles.append(draw(f'{shown}\n{counts}  (score ≥ {least:.2f})', boxes, labels))
    rows = math.ceil(len(tiles) / _COLUMNS)
    return join_tiles(tiles, math.ceil(len(tiles) / rows), gap=8)
