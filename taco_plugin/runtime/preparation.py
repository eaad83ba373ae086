"""Prepares photographs for a network, and puts its masks back into the photographs."""

import cv2
import numpy as np

from .metadata import Preparation

Crop = tuple[int, int, np.ndarray]
"""Left and top of a part of a mask, and its pixels, bool."""


def prepare(image: np.ndarray, how: Preparation) -> tuple[np.ndarray, tuple[float, float]]:
    """Resizes and pads a photograph as MMDetection's ``Resize`` and ``Pad`` do.

    Args:
        image: BGR, uint8, shape (H, W, 3).
        how: What to do.

    Returns:
        The input, of the same layout, and the factors by which width and height were resized.
    """
    height, width = image.shape[:2]
    size = how.scale
    if how.keep_ratio:
        long, short = max(how.scale), min(how.scale)
        factor = min(long / max(height, width), short / min(height, width))
        size = max(int(width * factor + 0.5), 1), max(int(height * factor + 0.5), 1)
    pixels = image.astype(np.float32) if how.as_float else image
    pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
    padded = (max(size),) * 2 if how.pad_to_square else how.pad_to or size
    right, bottom = (max(to - side, 0) for to, side in zip(padded, size, strict=True))
    if right or bottom:
        frame, value = (0, bottom, 0, right), how.pad_value
        pixels = cv2.copyMakeBorder(pixels, *frame, cv2.BORDER_CONSTANT, value=value)
    return pixels, (size[0] / width, size[1] / height)


def as_input(images: list[np.ndarray]) -> np.ndarray:
    """Stacks images of one shape, (H, W, 3), to float32, (B, 3, H, W)."""
    stacked = np.stack(images).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(stacked, dtype=np.float32)


def paste_mask(mask: np.ndarray, box: np.ndarray, shape: tuple[int, int], least: float) -> Crop:
    """Resizes the mask of a box to the pixels of an image, bilinearly, as Mask R-CNN does.

    Args:
        mask: Probabilities, shape (h, w).
        box: xyxy, in pixels of the image.
        shape: Height and width of the image.
        least: Probability from which a pixel belongs to the mask.
    """
    low = np.maximum(np.floor(box[:2]) - 1, 0).astype(int)
    high = np.minimum(np.ceil(box[2:]) + 1, shape[::-1]).astype(int)
    across, down = (
        _weights(low[axis], high[axis], box[axis], box[axis + 2], mask.shape[1 - axis])
        for axis in (0, 1)
    )
    return int(low[0]), int(low[1]), down @ mask.astype(np.float32) @ across.T >= least


def _weights(first: int, end: int, low: float, high: float, count: int) -> np.ndarray:
    """Weights of ``count`` cells between ``low`` and ``high`` in each pixel; 0 outside of them."""
    pixels = np.arange(first, max(end, first)) + 0.5
    places = (pixels - low) / max(high - low, 1e-9) * count - 0.5
    distances = np.abs(places[:, None] - np.arange(count))
    return np.maximum(1 - distances, 0).astype(np.float32)


def draw_mask(crops: list[Crop], shape: tuple[int, int]) -> np.ndarray:
    """Draws parts of a mask into an image of this height and width."""
    canvas = np.zeros(shape, dtype=bool)
    for left, top, mask in crops:
        part = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
        part |= mask[: part.shape[0], : part.shape[1]]  # places and sizes are rounded
    return canvas
