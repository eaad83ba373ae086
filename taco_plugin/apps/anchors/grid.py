"""How well the anchors of a detector meet boxes, each at all its positions."""

import numpy as np
from mmdet.models.task_modules.prior_generators import AnchorGenerator

from .boxes import Boxes


def best_ious(boxes: Boxes, generator: AnchorGenerator) -> np.ndarray:
    """IoU of each box with the anchor that meets it best.

    Every anchor is tried at the position of its grid that is nearest to the box's centre: further
    away, along either axis, its overlap with the box can only shrink, so that this is the best
    IoU among all positions. Anchors that leave the image count, as they do in training.

    Args:
        boxes: Of the input.
        generator: MMDetection's, of square or other strides.

    Returns:
        In [0, 1], float32, shape (N,).
    """
    levels = [
        _level_ious(boxes, base.numpy().astype(np.float32), np.array(stride, np.float32))
        for base, stride in zip(generator.base_anchors, generator.strides, strict=True)
    ]
    return np.max(levels, axis=0)


def _level_ious(boxes: Boxes, base: np.ndarray, stride: np.ndarray) -> np.ndarray:
    """The same for one level; ``base`` are the anchors of its first position, shape (A, 4)."""
    shape = base[:, 2:] - base[:, :2]
    first = (base[:, 2:] + base[:, :2]) / 2
    size = boxes.xyxy[:, None, 2:] - boxes.xyxy[:, None, :2]
    center = (boxes.xyxy[:, None, 2:] + boxes.xyxy[:, None, :2]) / 2
    last = np.ceil(boxes.image_sizes[:, None] / stride).astype(np.float32) - 1
    steps = np.clip(np.rint((center - first) / stride), 0, last)
    apart = np.abs(first + steps * stride - center)
    # Of two intervals: at most the shorter, and what the distance of their centres leaves.
    overlap = np.minimum(np.minimum(size, shape), (size + shape) / 2 - apart).clip(0)
    common = overlap[..., 0] * overlap[..., 1]
    union = size[..., 0] * size[..., 1] + shape[:, 0] * shape[:, 1] - common
    return (common / union).max(axis=1)
