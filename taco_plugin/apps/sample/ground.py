"""What litter lies on: grass, asphalt, sand, tiles, soil and water, made of noise."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from .noise import Field, fractal_noise
from .sprite import Colour

Pixels = NDArray[np.float32]


def blend(low: Colour, high: Colour, field: Field) -> Pixels:
    """Colours a field: 0 becomes ``low``, 1 becomes ``high``; shape (H, W, 3)."""
    first, second = np.asarray(low, np.float32), np.asarray(high, np.float32)
    return first + (second - first) * field[..., None]


def draw_grass(rng: np.random.Generator, size: int) -> Pixels:
    """Draws a lawn of blades over dark soil, fresh or dry."""
    dry = rng.uniform(0, 0.8)
    patches = fractal_noise(rng, (size, size), size / 4, 4)
    ground = blend((34, 52, 18), (78, 92, 34), patches)
    length = rng.uniform(8, 18)
    for layer in range(3):
        count = 900
        root = rng.uniform(0, size, (count, 2))
        lean = rng.normal(0, 0.5, count) - np.pi / 2
        tip = root + length * rng.uniform(0.5, 1.2, (count, 1)) * np.column_stack(
            [np.cos(lean), np.sin(lean)]
        )
        tone = np.array([70 + 60 * dry, 105 + 15 * dry, 36]) + layer * 22
        _draw_strokes(ground, root, tip, tone + rng.normal(0, 16, (count, 3)))
    return ground


def _draw_strokes(ground: Pixels, start: NDArray, end: NDArray, colours: NDArray) -> None:
    ends = np.round(np.stack([start, end], axis=1) * 16).astype(int)
    canvas = np.clip(ground, 0, 255).astype(np.uint8)
    for (first, second), colour in zip(ends.tolist(), np.clip(colours, 0, 255), strict=True):
        cv2.line(canvas, first, second, colour.tolist(), 1, cv2.LINE_AA, shift=4)
    ground[:] = canvas


def draw_asphalt(rng: np.random.Generator, size: int) -> Pixels:
    """Draws rolled asphalt: grey grain, stains, sometimes a crack or a painted line."""
    tone = rng.uniform(70, 125)
    stains = fractal_noise(rng, (size, size), size / 3, 4)
    grain = fractal_noise(rng, (size, size), 3, 2)
    speckle = rng.normal(0, 13, (size, size)).astype(np.float32)
    grey = tone + 44 * (stains - 0.5) + 46 * (grain - 0.5) + speckle
    ground = np.repeat(grey[..., None], 3, axis=2) + np.array([0, 1, 4], np.float32)
    if rng.random() < 0.4:
        _draw_crack(rng, ground)
    if rng.random() < 0.25:
        _draw_road_line(rng, ground)
    return ground


def _draw_crack(rng: np.random.Generator, ground: Pixels) -> None:
    size = len(ground)
    along = np.linspace(-10, size + 10, 28)
    across = rng.uniform(0.2, 0.8) * size + np.cumsum(rng.normal(0, 7, 28))
    path = np.column_stack([along, across] if rng.random() < 0.5 else [across, along])
    crack = np.zeros((size, size), np.float32)
    cv2.polylines(crack, [np.round(path).astype(np.int32)], False, 1.0, 2)
    ground *= 1 - 0.55 * cv2.GaussianBlur(crack, (0, 0), 0.8)[..., None]


def _draw_road_line(rng: np.random.Generator, ground: Pixels) -> None:
    size = len(ground)
    u, _ = _turned_grid(rng, size)
    middle, half = rng.uniform(-0.3, 0.3) * size, rng.uniform(10, 24)
    worn = fractal_noise(rng, (size, size), 24, 4)
    paint = np.clip(half - np.abs(u - middle), 0, 1) * np.clip(5 * (worn - 0.3), 0, 1)
    colour = np.array([(222, 222, 214), (226, 190, 70)][rng.integers(2)], np.float32)
    ground += (colour - ground) * 0.85 * paint[..., None]


def _turned_grid(rng: np.random.Generator, size: int) -> tuple[Field, Field]:
    """Returns pixel coordinates in a frame that is turned around the image's middle."""
    rows, columns = np.indices((size, size), dtype=np.float32) - size / 2
    angle = rng.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return columns * cos + rows * sin, rows * cos - columns * sin


def draw_sand(rng: np.random.Generator, size: int) -> Pixels:
    """Draws sand with soft ripples and grains."""
    dunes = fractal_noise(rng, (size, size), size / 3, 3)
    u, _ = _turned_grid(rng, size)
    warp = fractal_noise(rng, (size, size), size / 3, 2)
    ripples = np.sin(u * rng.uniform(0.12, 0.3) + 16 * warp) * rng.uniform(0.0, 0.09)
    grain = rng.normal(0, 0.075, (size, size)).astype(np.float32)
    low, high = (
        ((158, 132, 94), (232, 210, 168))
        if rng.random() < 0.6
        else (
            (120, 104, 84),
            (196, 182, 156),
        )
    )
    return blend(low, high, 0.5 + 0.8 * (dunes - 0.5) + ripples + grain)


def draw_tiles(rng: np.random.Generator, size: int) -> Pixels:
    """Draws pavement: slabs or bricks, each of its own tone, with dark joints."""
    bricks = rng.random() < 0.5
    wide, high = (
        (rng.uniform(52, 76), rng.uniform(26, 36)) if bricks else (rng.uniform(80, 150),) * 2
    )
    base = (150, 92, 74) if bricks and rng.random() < 0.6 else (156, 152, 144)
    u, v = _turned_grid(rng, size)
    row = np.floor(v / high)
    column = np.floor(u / wide + 0.5 * (row % 2))
    inside_u, inside_v = (u / wide + 0.5 * (row % 2) - column) * wide, v - row * high
    to_joint = np.minimum.reduce([inside_u, wide - inside_u, inside_v, high - inside_v])
    tone = rng.normal(0, 11, (40, 40))[row.astype(int) % 40, column.astype(int) % 40]
    stone = fractal_noise(rng, (size, size), 30, 5) - 0.5
    grey = tone + 56 * stone + rng.normal(0, 6, (size, size))
    joint = np.clip(to_joint / 2.2, 0.0, 1.0)[..., None]
    slab = np.asarray(base, np.float32) + grey[..., None]
    return (slab * (0.5 + 0.5 * joint)).astype(np.float32)


def draw_soil(rng: np.random.Generator, size: int) -> Pixels:
    """Draws dark crumbly earth."""
    clods = fractal_noise(rng, (size, size), 18, 5)
    wet = fractal_noise(rng, (size, size), size / 2, 2)
    light = np.clip(1.5 * (clods - 0.5) + 0.45, 0, 1) * (0.75 + 0.5 * wet)
    grain = rng.normal(0, 0.1, (size, size)).astype(np.float32)
    return blend((48, 34, 24), (138, 106, 78), light + grain)


def draw_water(rng: np.random.Generator, size: int) -> Pixels:
    """Draws shallow water: long waves and glints."""
    waves = fractal_noise(rng, (size, size), 16, 3, stretch=3.5)
    depth = fractal_noise(rng, (size, size), size / 2, 2)
    low, high = (
        ((22, 60, 76), (74, 126, 138)) if rng.random() < 0.5 else ((44, 58, 42), (112, 122, 92))
    )
    water = blend(low, high, 0.55 * depth + 0.6 * (waves - 0.2))
    glint = np.clip(1 - np.abs(2 * waves - 1) * 5, 0, 1) ** 2 * np.clip(2.4 * depth - 0.9, 0, 1)
    return water + 105 * glint[..., None]


GROUND_DRAWINGS: dict[str, Callable[[np.random.Generator, int], Pixels]] = {
    'asphalt': draw_asphalt,
    'grass': draw_grass,
    'sand': draw_sand,
    'soil': draw_soil,
    'tiles': draw_tiles,
    'water': draw_water,
}
