"""Boxes as a detector sees them: at the size of its input."""

from dataclasses import dataclass

import numpy as np

from ...coco import Coco


@dataclass(frozen=True)
class InputSize:
    """How a detector resizes an image, as MMDetection's ``Resize`` and its preprocessor do.

    Args:
        scale: Of ``Resize``, pixels.
        keep_ratio: The longer side of an image becomes at most the longer of ``scale``, its
            shorter at most the shorter; else width and height become ``scale``.
        divisor: Both sides are padded to multiples of it.
    """

    scale: tuple[int, int]
    keep_ratio: bool
    divisor: int


@dataclass(frozen=True)
class Boxes:
    """Boxes of images of any size.

    Args:
        xyxy: Pixels of the input, float32, shape (N, 4).
        image_sizes: Padded width and height of each box's image, pixels, shape (N, 2).
        images: Number of images, with or without boxes.
    """

    xyxy: np.ndarray
    image_sizes: np.ndarray
    images: int

    def areas(self) -> np.ndarray:
        """Area of each box, square pixels, shape (N,)."""
        return np.prod(self.xyxy[:, 2:] - self.xyxy[:, :2], axis=1)


def read_boxes(coco: Coco, size: InputSize) -> Boxes:
    """All boxes but crowds, resized with their images.

    Args:
        coco: Clean.
        size: Of the detector's input.

    Example:
        >>> coco = {'images': [{'id': 1, 'width': 4000, 'height': 3000}],
        ...         'annotations': [{'image_id': 1, 'bbox': [400, 0, 40, 300], 'iscrowd': 0}]}
        >>> boxes = read_boxes(coco, InputSize((1333, 800), keep_ratio=True, divisor=32))
        >>> boxes.xyxy.astype(int).tolist(), boxes.image_sizes.tolist()
        ([[106, 0, 117, 80]], [[1088, 800]])
    """
    sizes = {image['id']: (image['width'], image['height']) for image in coco['images']}
    annotations = [entry for entry in coco['annotations'] if not entry['iscrowd']]
    xywh = np.array([entry['bbox'] for entry in annotations], float).reshape(-1, 4)
    native = np.array([sizes[entry['image_id']] for entry in annotations], float).reshape(-1, 2)
    resized = _resize(native, size)
    xywh *= np.tile(resized / native, 2)
    xyxy = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
    padded = np.ceil(resized / size.divisor) * size.divisor
    return Boxes(xyxy.astype(np.float32), padded.astype(int), len(sizes))


def _resize(native: np.ndarray, size: InputSize) -> np.ndarray:
    if not size.keep_ratio:
        return np.broadcast_to(np.array(size.scale, float), native.shape)
    short, long = sorted(size.scale)
    longer, shorter = native.max(axis=1), native.min(axis=1)
    factors = np.minimum(long / longer, short / shorter)[:, None]
    return np.maximum(np.floor(native * factors + 0.5), 1)
