"""Draws detections on a photograph at its full size."""

from collections.abc import Sequence

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont
from pycocotools import mask as rle

from ...runtime.prediction import Prediction
from ...visualization.photo import Color

_DARK = (26, 26, 26)
_FILL = 0.35
"""Share of the colour of a class in the pixels of a mask."""


def draw_prediction(
    pixels: np.ndarray, prediction: Prediction, classes: Sequence[str], colors: Sequence[Color]
) -> np.ndarray:
    """Draws frames around objects, with labels that do not overlap, and masks.

    Lines and letters grow with the photograph: on a screen that shows all of it, they look alike
    at every size. A label that finds no place is left out; the frame is always drawn.

    Args:
        pixels: BGR, uint8, shape (H, W, 3).
        prediction: In pixels of the photograph.
        classes: Name of each class.
        colors: RGB of each class.

    Returns:
        BGR, uint8, shape (H, W, 3).
    """
    boxes, pixels = prediction['boxes'], pixels[..., ::-1].copy()
    for (label, *_), mask in zip(boxes, prediction.get('masks', ()), strict=False):
        covered = rle.decode(mask).astype(bool)
        pixels[covered] = pixels[covered] * (1 - _FILL) + np.multiply(colors[label], _FILL)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    line, letters = (max(least, max(image.size) // part) for least, part in ((2, 400), (11, 70)))
    font = ImageFont.truetype(f'{get_data_path()}/fonts/ttf/DejaVuSans.ttf', letters)
    places = np.reshape([box[2:] for box in boxes], (-1, 4))
    frames = np.hstack([places[:, :2] - line, places[:, :2] + places[:, 2:] + line])
    for (label, *_), frame in zip(boxes[::-1], frames[::-1], strict=True):  # the surest on top
        rim = max(1, line // 3)
        draw.rectangle(
            (*(frame[:2] - rim), *(frame[2:] + rim)), outline=_DARK, width=line + 2 * rim
        )
        draw.rectangle(tuple(frame), outline=colors[label], width=line)
    taken: list[np.ndarray] = []
    for (label, score, *_), frame in zip(boxes, frames, strict=True):
        text = f'{classes[label]} {score:.2f}'
        extent = np.ceil([font.getlength(text) + letters * 0.4, letters * 1.3])
        place = _find_place(frame, extent, image.size, frames, taken)
        if place is not None:
            taken.append(place)
            draw.rectangle(tuple(place), fill=colors[label])
            ink = 'black' if np.dot(colors[label], [0.299, 0.587, 0.114]) > 127 else 'white'
            draw.text(tuple((place[:2] + place[2:]) / 2), text, ink, font, anchor='mm')
    return np.ascontiguousarray(np.asarray(image)[..., ::-1])


def _find_place(
    frame: np.ndarray,
    extent: np.ndarray,
    size: tuple[int, int],
    frames: np.ndarray,
    taken: list[np.ndarray],
) -> np.ndarray | None:
    """The place at a frame that covers the least of frames, and nothing of other labels."""
    (left, top, right, bottom), (width, height) = frame, extent
    best, least = None, np.inf
    for x in (left, right - width):
        for y in (top - height, bottom, top):
            corner = np.clip([x, y], 0, np.maximum(np.subtract(size, extent) - 1, 0))
            place = np.concatenate([corner, corner + extent])
            covered = _overlap(place, frames).sum()
            if covered < least and not _overlap(place, np.reshape(taken, (-1, 4))).any():
                best, least = place, covered
    return best


def _overlap(place: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Area that a box shares with each of several; all are xyxy."""
    low, high = np.maximum(boxes[:, :2], place[:2]), np.minimum(boxes[:, 2:], place[2:])
    return (high - low).clip(0).prod(axis=1)
