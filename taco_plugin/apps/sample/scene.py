"""One picture: ground, distractors, litter with shadows, then light and camera."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .ground import Field, fractal_noise
from .plan import GROUNDS, IMAGE_SIZE, LITTER
from .small_items import draw_leaf, draw_stone
from .sprite import SUBPIXELS, Patch, Points

CAMERA_SCALE = (0.65, 1.3)
"""The camera is far or near: every length of an image times one factor in this range."""

_GAP = 2
_TRIES = 40
_SHADOW_REACH = 6


def draw_scene(
    rng: np.random.Generator, ground: str, names: list[str]
) -> tuple[NDArray[np.uint8], list[tuple[str, Points]]]:
    """Draws a picture with the given litter.

    Args:
        rng: Source of randomness; the same state draws the same picture.
        ground: A key of ``GROUNDS``.
        names: TACO's category of each object. One that finds no free place is drawn smaller.

    Returns:
        The picture, RGB, shape (IMAGE_SIZE, IMAGE_SIZE, 3), and category and visible polygon, in
        pixels, shape (N, 2), of each object.
    """
    pixels = GROUNDS[ground].draw(rng, IMAGE_SIZE)
    scale = float(np.exp(rng.uniform(*np.log(CAMERA_SCALE))))
    light = rng.uniform(-_SHADOW_REACH, _SHADOW_REACH, 2) * scale
    for _ in range(rng.integers(*GROUNDS[ground].distractors, endpoint=True)):
        is_stone = rng.random() < GROUNDS[ground].stones
        draw, lengths = (draw_stone, (8, 30)) if is_stone else (draw_leaf, (22, 52))
        patch = draw(rng, rng.uniform(*lengths) * scale).finish()
        x, y = rng.integers(-10, IMAGE_SIZE - 10, 2).tolist()
        _paste(pixels, patch, x, y, light=light)
    objects: list[tuple[str, Points]] = []
    for name in sorted(names, key=lambda name: -LITTER[name].length):
        length = LITTER[name].length * scale * rng.uniform(0.85, 1.15)
        place = None
        while place is None:
            patch = LITTER[name].draw(rng, length).finish()
            place = _find_place(rng, patch, [outline for _, outline in objects])
            length *= 0.85
        x, y, outline = place
        _paste(pixels, patch, x, y, light=light)
        objects.append((name, outline))
    return _photograph(rng, pixels), objects


def _find_place(
    rng: np.random.Generator, patch: Patch, others: list[Points]
) -> tuple[int, int, Points] | None:
    """A place for the patch's upper left corner, and its outline there, if one was found.

    At least half of the object is in the image, and its box touches no other.
    """
    beyond = 0.5 if rng.random() < 0.12 else 0.0  # some are cut by the border
    for _ in range(_TRIES):
        y, x = (
            int(rng.uniform(-beyond * side, max(IMAGE_SIZE - (1 - beyond) * side, 1)))
            for side in patch.alpha.shape
        )
        outline = patch.outline(x, y, IMAGE_SIZE)
        whole = patch.mask.sum() / SUBPIXELS**2
        if outline is None or cv2.contourArea(outline.astype(np.float32)) < 0.5 * whole:
            continue
        low, high = outline.min(axis=0) - _GAP, outline.max(axis=0) + _GAP
        if all((low > o.max(axis=0)).any() or (high < o.min(axis=0)).any() for o in others):
            return x, y, outline
    return None


def _overlap(pixels: NDArray, x: int, y: int, patch: NDArray) -> tuple[NDArray, NDArray]:
    """Views of the image and of the patch where the two overlap."""
    top, left = max(0, -y), max(0, -x)
    bottom = max(top, min(patch.shape[0], len(pixels) - y))
    right = max(left, min(patch.shape[1], len(pixels) - x))
    return pixels[y + top : y + bottom, x + left : x + right], patch[top:bottom, left:right]


def _paste(pixels: Field, patch: Patch, x: int, y: int, *, light: NDArray[np.float64]) -> None:
    """Lays a patch with its upper left corner at (x, y), over its own shadow."""
    border = 3 * _SHADOW_REACH
    soft = np.pad(patch.alpha, border)
    shift = np.array([(1, 0, light[0]), (0, 1, light[1])], np.float32)
    far = cv2.GaussianBlur(cv2.warpAffine(soft, shift, soft.shape[::-1]), (0, 0), 3.0)
    shadow = np.maximum(0.5 * far, 0.35 * cv2.GaussianBlur(soft, (0, 0), 1.5))[..., None]
    target, cut = _overlap(pixels, x - border, y - border, shadow)
    target *= 1 - cut
    target, alpha = _overlap(pixels, x, y, patch.alpha[..., None])
    target += (_overlap(pixels, x, y, patch.rgb)[1] - target) * alpha


def _photograph(rng: np.random.Generator, pixels: Field) -> NDArray[np.uint8]:
    """Applies light, shade, white balance, exposure, blur and noise of a sensor."""
    size = len(pixels)
    slope = rng.uniform(-0.14, 0.14, 2)
    rows, columns = np.indices((size, size), dtype=np.float32) / size - 0.5
    light = (1 + slope[0] * rows + slope[1] * columns).astype(np.float32)
    if rng.random() < 0.3:
        trees = fractal_noise(rng, (size, size), size / 2.5, octaves=3)
        light *= 1 - 0.4 * np.clip(8 * (trees - 0.5), 0, 1)
    exposure = np.exp(rng.normal(0, 0.16)) * rng.normal(1, 0.035, 3)
    picture = pixels * light[..., None] * exposure.astype(np.float32)
    if rng.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 0.8))
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    picture += noise * np.float32(rng.uniform(1, 5))
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)
