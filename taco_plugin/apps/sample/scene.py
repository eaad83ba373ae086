"""One picture: ground, distractors, litter with shadows, then light and camera."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from . import settings
from .distractors import draw_distractors
from .ground import GROUND_DRAWINGS, Pixels
from .litter import draw_litter
from .noise import fractal_noise
from .placing import Placer
from .shapes import Points, clip_to_image
from .sprite import Patch

_SHADOW_REACH = 6


@dataclass(frozen=True)
class SceneObject:
    """Drawn litter.

    Args:
        name: TACO's category.
        outline: Visible polygon in pixels of the image, shape (N, 2).
    """

    name: str
    outline: Points


@dataclass(frozen=True)
class Scene:
    """A finished picture.

    Args:
        pixels: RGB, uint8, shape (IMAGE_SIZE, IMAGE_SIZE, 3).
        objects: Its litter; never two that touch.
    """

    pixels: NDArray[np.uint8]
    objects: list[SceneObject]


def draw_scene(rng: np.random.Generator, ground: str, names: list[str]) -> Scene:
    """Draws a picture with the given litter.

    Args:
        rng: Source of randomness; the same state draws the same picture.
        ground: A key of ``settings.GROUNDS``.
        names: One category per object. An object that finds no free place is drawn smaller.
    """
    size = settings.IMAGE_SIZE
    pixels = GROUND_DRAWINGS[ground](rng, size)
    scale = float(np.exp(rng.uniform(*np.log(settings.CAMERA_SCALE))))
    light = rng.uniform(-_SHADOW_REACH, _SHADOW_REACH, 2) * scale
    for patch in draw_distractors(rng, ground, scale):
        x, y = rng.integers(-10, size - 10, 2).tolist()
        _paste(pixels, patch, x, y, light)
    placer = Placer(rng, size)
    objects = []
    for name in sorted(names, key=lambda name: -settings.LITTER[name].length):
        patch, x, y = _draw_and_place(rng, placer, name, scale)
        _paste(pixels, patch, x, y, light)
        outline = clip_to_image(patch.outline + (x - patch.x, y - patch.y), size)
        objects.append(SceneObject(name, outline))
    return Scene(_photograph(rng, pixels), objects)


def _draw_and_place(
    rng: np.random.Generator, placer: Placer, name: str, scale: float
) -> tuple[Patch, int, int]:
    length = settings.LITTER[name].length * scale * rng.uniform(*settings.OBJECT_SCALE)
    while True:
        patch = draw_litter(name, rng, length)
        place = placer.find(patch)
        if place is not None:
            return patch, *place
        length *= 0.85


def _paste(pixels: Pixels, patch: Patch, x: int, y: int, light: NDArray[np.float64]) -> None:
    """Lays a patch with its upper left corner at (x, y), over its own shadow."""
    border = 3 * _SHADOW_REACH
    soft = np.pad(patch.alpha, border)
    height, width = soft.shape
    shift = np.array([(1, 0, light[0]), (0, 1, light[1])], np.float32)
    far = cv2.GaussianBlur(cv2.warpAffine(soft, shift, (width, height)), (0, 0), 3.0)
    near = cv2.GaussianBlur(soft, (0, 0), 1.5)
    shadow = np.maximum(0.5 * far, 0.35 * near)[..., None]
    target, cut = _overlap(pixels, x - border, y - border, shadow)
    target *= 1 - cut
    target, cut = _overlap(pixels, x, y, np.dstack([patch.rgb, patch.alpha]))
    target += (cut[..., :3] - target) * cut[..., 3:]


def _overlap(pixels: Pixels, x: int, y: int, patch: Pixels) -> tuple[Pixels, Pixels]:
    """Returns views of the image and of the patch where the two overlap."""
    size = len(pixels)
    top, left = max(0, -y), max(0, -x)
    bottom, right = min(patch.shape[0], size - y), min(patch.shape[1], size - x)
    if bottom <= top or right <= left:
        return pixels[:0, :0], patch[:0, :0]
    return pixels[y + top : y + bottom, x + left : x + right], patch[top:bottom, left:right]


def _photograph(rng: np.random.Generator, pixels: Pixels) -> NDArray[np.uint8]:
    """Applies light, shade, white balance, exposure, blur and noise of a sensor."""
    shape = pixels.shape[:2]
    slope = rng.uniform(-0.14, 0.14, 2)
    rows, columns = np.indices(shape, dtype=np.float32) / shape[0] - 0.5
    light = 1 + slope[0] * rows + slope[1] * columns
    if rng.random() < 0.3:
        trees = fractal_noise(rng, shape, shape[0] / 2.5, 3)
        light = light * (1 - 0.4 * np.clip(8 * (trees - 0.5), 0, 1))
    exposure = np.exp(rng.normal(0, 0.16)) * rng.normal(1, 0.035, 3)
    picture = pixels * light[..., None] * exposure.astype(np.float32)
    if rng.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 0.8))
    picture = picture + rng.normal(0, rng.uniform(1, 5), picture.shape)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)
