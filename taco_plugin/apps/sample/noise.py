"""Smooth random fields, the raw material of grounds, creases and light."""

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def resize(pixels: Field, shape: tuple[int, int], interpolation: int) -> Field:
    """Resizes an image to a height and width; float32 in and out."""
    return np.asarray(cv2.resize(pixels, shape[::-1], interpolation=interpolation), np.float32)


def smooth_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell: float,
    stretch: float = 1.0,
) -> Field:
    """Draws one octave of value noise.

    Args:
        rng: Source of randomness.
        shape: Height and width.
        cell: Size of a cell in pixels.
        stretch: How much wider than high a cell is.

    Returns:
        Values about [0, 1], float32, of the given shape.
    """
    rows = max(2, round(shape[0] / cell) + 1)
    columns = max(2, round(shape[1] / (cell * stretch)) + 1)
    grid = rng.random((rows, columns), dtype=np.float32)
    return resize(grid, shape, cv2.INTER_CUBIC)


def fractal_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell: float,
    octaves: int,
    stretch: float = 1.0,
) -> Field:
    """Sums octaves of value noise, each half as large and half as strong as the one before.

    Returns:
        Values about [0, 1] with mean about 0.5, float32, of the given shape.
    """
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        total += smooth_noise(rng, shape, cell / 2**octave, stretch) / 2**octave
    return total / (2 - 2 ** (1 - octaves))


def creases(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> Field:
    """Draws ridges as in crumpled foil: 1 on a crease, falling to 0 beside it."""
    noise = fractal_noise(rng, shape, cell, octaves=2)
    return (1 - np.abs(2 * noise - 1)) ** 6
