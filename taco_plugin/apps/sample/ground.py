"""What litter lies on: grass, asphalt, sand, tiles, soil and water, made of noise."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Shape = tuple[int, int]


def fractal_noise(
    rng: np.random.Generator, shape: Shape, cell: float, *, octaves: int, stretch: float = 1.0
) -> Field:
    """Sums octaves of value noise, each half as large and half as strong as the one before.

    The cells of the first octave are ``cell`` pixels high, and ``stretch`` times as wide.

    Returns:
        Values about [0, 1] with mean about 0.5, float32, of the given height and width.
    """
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        sizes = cell / 2**octave, cell / 2**octave * stretch
        cells = [max(2, round(side / size) + 1) for side, size in zip(shape, sizes, strict=True)]
        grid = rng.random(cells, dtype=np.float32)
        total += cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC) / 2**octave
    return total / (2 - 2 ** (1 - octaves))


def _grain(rng: np.random.Generator, size: int, strength: float) -> Field:
    return rng.standard_normal((size, size), dtype=np.float32) * np.float32(strength)


def _blend(low: Sequence[float], high: Sequence[float], field: Field) -> Field:
    """Colours a field: 0 becomes ``low``, 1 becomes ``high``; shape (H, W, 3)."""
    first, second = np.asarray([low, high], np.float32)
    return first + (second - first) * field[..., None].astype(np.float32)


def _turned_grid(rng: np.random.Generator, size: int) -> tuple[Field, Field]:
    rows, columns = np.indices((size, size), dtype=np.float32) - size / 2
    angle = rng.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return columns * cos + rows * sin, rows * cos - columns * sin


def draw_grass(rng: np.random.Generator, size: int) -> Field:
    """Blades over dark soil, fresh or dry."""
    dry, length, count = rng.uniform(0, 0.8), rng.uniform(8, 18), size**2 // 114
    patches = fractal_noise(rng, (size, size), size / 4, octaves=4)
    canvas = _blend((34, 52, 18), (78, 92, 34), patches).clip(0, 255).astype(np.uint8)
    for layer in range(3):
        root = rng.uniform(0, size, (count, 2))
        lean = rng.normal(0, 0.5, count) - np.pi / 2
        reach = length * rng.uniform(0.5, 1.2, (count, 1))
        tip = root + reach * np.column_stack([np.cos(lean), np.sin(lean)])
        tone = np.array([70 + 60 * dry, 105 + 15 * dry, 36]) + layer * 22
        colours = np.clip(tone + rng.normal(0, 16, (count, 3)), 0, 255)
        ends = np.round(np.stack([root, tip], axis=1) * 16).astype(int)
        for (start, end), colour in zip(ends.tolist(), colours.tolist(), strict=True):
            cv2.line(canvas, start, end, colour, 1, cv2.LINE_AA, shift=4)
    return canvas.astype(np.float32)


def draw_asphalt(rng: np.random.Generator, size: int) -> Field:
    """Grey grain and stains, sometimes a crack."""
    stains = fractal_noise(rng, (size, size), size / 3, octaves=4)
    grain = fractal_noise(rng, (size, size), 3, octaves=2)
    grey = rng.uniform(70, 125) + 44 * (stains - 0.5) + 46 * (grain - 0.5) + _grain(rng, size, 13)
    ground = grey.astype(np.float32)[..., None] + np.array([0, 1, 4], np.float32)
    if rng.random() < 0.4:
        along = np.linspace(-10, size + 10, 28)
        across = rng.uniform(0.2, 0.8) * size + np.cumsum(rng.normal(0, 7, 28))
        path = np.column_stack([along, across][:: rng.choice([-1, 1])])
        crack = np.zeros((size, size), np.float32)
        cv2.polylines(crack, [np.round(path).astype(np.int32)], False, 1.0, 2)
        ground *= 1 - 0.55 * cv2.GaussianBlur(crack, (0, 0), 0.8)[..., None]
    return ground


def draw_sand(rng: np.random.Generator, size: int) -> Field:
    """Soft ripples and grains."""
    dunes = fractal_noise(rng, (size, size), size / 3, octaves=3)
    warp = fractal_noise(rng, (size, size), size / 3, octaves=2)
    u, _ = _turned_grid(rng, size)
    ripples = np.sin(u * rng.uniform(0.12, 0.3) + 16 * warp) * rng.uniform(0.0, 0.09)
    tones = ((158, 132, 94), (232, 210, 168)), ((120, 104, 84), (196, 182, 156))
    low, high = tones[rng.integers(2)]
    return _blend(low, high, 0.5 + 0.8 * (dunes - 0.5) + ripples + _grain(rng, size, 0.075))


def draw_tiles(rng: np.random.Generator, size: int) -> Field:
    """Slabs or bricks, each of its own tone, with dark joints."""
    wide = high = rng.uniform(80, 150)
    base = np.array([156, 152, 144], np.float32)
    if rng.random() < 0.5:
        wide, high = rng.uniform(52, 76), rng.uniform(26, 36)
        base[:] = (150, 92, 74)
    u, v = _turned_grid(rng, size)
    row = np.floor(v / high)
    shifted = u / wide + 0.5 * (row % 2)
    column = np.floor(shifted)
    across, along = (shifted - column) * wide, v - row * high
    to_joint = np.minimum.reduce([across, wide - across, along, high - along])
    tone = rng.normal(0, 11, (40, 40))[row.astype(int) % 40, column.astype(int) % 40]
    stone = fractal_noise(rng, (size, size), 30, octaves=5) - 0.5
    grey = (tone + 56 * stone + _grain(rng, size, 6)).astype(np.float32)
    return (base + grey[..., None]) * (0.5 + 0.5 * np.clip(to_joint / 2.2, 0, 1))[..., None]


def draw_soil(rng: np.random.Generator, size: int) -> Field:
    """Dark crumbly earth."""
    clods = fractal_noise(rng, (size, size), 18, octaves=5)
    wet = fractal_noise(rng, (size, size), size / 2, octaves=2)
    light = np.clip(1.5 * (clods - 0.5) + 0.45, 0, 1) * (0.75 + 0.5 * wet)
    return _blend((48, 34, 24), (138, 106, 78), light + _grain(rng, size, 0.1))


def draw_water(rng: np.random.Generator, size: int) -> Field:
    """Long waves and glints."""
    waves = fractal_noise(rng, (size, size), 16, octaves=3, stretch=3.5)
    depth = fractal_noise(rng, (size, size), size / 2, octaves=2)
    sea = (22, 60, 76), (74, 126, 138)
    low, high = sea if rng.random() < 0.5 else ((44, 58, 42), (112, 122, 92))
    glint = np.clip(1 - np.abs(2 * waves - 1) * 5, 0, 1) ** 2 * np.clip(2.4 * depth - 0.9, 0, 1)
    return _blend(low, high, 0.55 * depth + 0.6 * (waves - 0.2)) + 105 * glint[..., None]
