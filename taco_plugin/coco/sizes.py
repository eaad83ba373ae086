"""How large a box is, as photographed and as a detector sees it."""

import numpy as np

SIZES: dict[str, tuple[float, float]] = {
    'small': (0, 32**2),
    'medium': (32**2, 96**2),
    'large': (96**2, 1e10),
}
"""COCO's ranges of area in square pixels; both ends belong to them."""


def bucket_areas(areas: np.ndarray) -> dict[str, int]:
    """Number of areas of each size; one on a bound, which COCO counts twice, is of the larger.

    Args:
        areas: Square pixels, shape (N,).

    >>> bucket_areas(np.array([900, 1024, 1e12]))
    {'small': 1, 'medium': 1, 'large': 1}
    """
    bounds = [least for least, _ in SIZES.values()][1:]
    counts = np.bincount(np.searchsorted(bounds, areas, side='right'), minlength=len(SIZES))
    return dict(zip(SIZES, counts.tolist(), strict=True))


def resize_factors(image_sizes: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    """By what MMDetection's ``Resize(scale=input_size, keep_ratio=True)`` multiplies lengths.

    The longer side of an image becomes at most the longer of ``input_size``, its shorter side at
    most the shorter, whichever way round the image is. Rounding to whole pixels is left out.

    Args:
        image_sizes: Width and height, pixels, shape (M, 2).
        input_size: Two lengths in pixels.

    Returns:
        Shape (M,).

    >>> resize_factors(np.array([[4000, 3000], [3000, 4000], [416, 416]]), (1333, 800)).round(3)
    array([0.267, 0.267, 1.923])
    """
    limits = np.array([max(input_size), min(input_size)])
    sides = np.stack([image_sizes.max(axis=1), image_sizes.min(axis=1)], axis=1)
    return (limits / sides).min(axis=1)
