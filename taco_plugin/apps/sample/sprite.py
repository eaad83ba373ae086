"""Shapes become antialiased pixels; x runs along an object's axis in [-0.5, 0.5], y across it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .ground import Field, fractal_noise

Points = NDArray[np.float64]
Colour = Sequence[float] | NDArray[np.float64]
"""RGB, each 0 to 255."""

SUBPIXELS = 3
"""Objects are drawn with so many subpixels per pixel and axis."""

_MARGIN = 2
_FRACTION_BITS = 4


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    """A rectangle, shape (4, 2)."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float)


def ellipse(x: float, y: float, rx: float, ry: float, *, corners: int = 40) -> Points:
    """An ellipse around (x, y), shape (corners, 2)."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.column_stack([x + rx * np.cos(angle), y + ry * np.sin(angle)])


def mirror(profile: ArrayLike) -> Points:
    """Closes a profile of (x, half width) to an outline that is symmetric to the x axis."""
    upper = np.asarray(profile, dtype=float)
    return np.concatenate([upper, upper[::-1] * (1, -1)])


def soften(points: Points) -> Points:
    """Rounds the corners of a closed outline (Chaikin's corner cutting)."""
    for _ in range(2):
        following = np.roll(points, -1, axis=0)
        cut = [0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following]
        points = np.stack(cut, axis=1).reshape(-1, 2)
    return points


def band(path: ArrayLike, width: ArrayLike) -> Points:
    """The outline of a stroke along an open path, of one width or one per point."""
    path = np.asarray(path, dtype=float)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    half = np.broadcast_to(np.asarray(width, dtype=float) / 2, len(path))[:, None]
    side = np.column_stack([-along[:, 1], along[:, 0]]) * half
    return np.concatenate([path + side, (path - side)[::-1]])


def pick(rng: np.random.Generator, colours: Sequence[Colour]) -> NDArray[np.float64]:
    """Draws one colour and varies it a little."""
    colour = rng.choice(np.asarray(colours, float)) + rng.normal(0, 10) + rng.normal(0, 4, 3)
    return np.clip(colour, 0, 255)


@dataclass(frozen=True)
class Patch:
    """A drawn object: RGB from 0 to 255, opacity, and for each subpixel whether it is there."""

    rgb: Field
    alpha: Field
    mask: NDArray[np.uint8]

    def outline(self, x: int, y: int, size: int) -> Points | None:
        """Its outline inside a square image, when its upper left corner is at (x, y).

        Returns:
            Polygon in pixels of the image, shape (N, 2), or None if nothing is seen, or parts.
        """
        left, top = max(-x, 0), max(-y, 0)
        bottom, right = (max(size - start, 0) * SUBPIXELS for start in (y, x))
        seen = self.mask[top * SUBPIXELS : bottom, left * SUBPIXELS : right]
        contours, _ = cv2.findContours(seen, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        if len(contours) != 1:
            return None
        corners = cv2.approxPolyDP(contours[0], 1.0, True)[:, 0].astype(float)
        low, span = corners.min(axis=0), np.ptp(corners, axis=0)
        # A contour runs through the middle of subpixels, a polygon goes round them.
        polygon = low + (corners - low) * (span + 1) / np.maximum(span, 1)
        return polygon / SUBPIXELS + (x + left, y + top)


class Sprite:
    """A tile on which one object is painted, in a random pose: body first, details over it.

    Args:
        rng: Source of randomness.
        length: Length along the object's axis in pixels.
        outline: The body's outline; nothing is seen outside it.
        colour: The body's colour.
        alpha: The body's opacity; glass and film let the ground through.

    The coordinates of each subpixel along and across the object are the attributes ``x`` and ``y``.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        length: float,
        outline: Points,
        *,
        colour: Colour,
        alpha: float = 1.0,
    ) -> None:
        self.rng = rng
        angle = rng.uniform(0, 2 * np.pi)
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([(cos, -sin, 0), (sin, cos, 0), (0, 0, 1)])
        tilt = np.diag([length, length * rng.uniform(0.9, 1.1), 1])
        tilt[2, :2] = rng.uniform(-0.16, 0.16, 2)  # a slight perspective
        pose = turn @ tilt
        corners = cv2.perspectiveTransform(outline[:, None], pose)[:, 0]
        low = np.floor(corners.min(axis=0)) - _MARGIN
        width, height = (np.ceil(corners.max(axis=0)) + _MARGIN - low).astype(int) * SUBPIXELS
        scale = np.diag([SUBPIXELS, SUBPIXELS, 1.0])
        scale[:2, 2] = -low * SUBPIXELS - 0.5
        self._pose = scale @ pose
        self._body = np.zeros((height, width), np.uint8)
        cv2.fillPoly(self._body, [self._project(outline)], 1, shift=_FRACTION_BITS)
        self._rgba = np.empty((height, width, 4), np.float32)
        self._rgba[:] = (*colour, alpha)
        rows, columns = np.indices((height, width), dtype=np.float32)
        u, v, w = (
            row[0] * columns + row[1] * rows + row[2]
            for row in np.linalg.inv(self._pose).astype(np.float32)
        )
        self.x, self.y = u / w, v / w

    def _project(self, points: Points) -> NDArray[np.int32]:
        corners = cv2.perspectiveTransform(points[:, None], self._pose)[:, 0]
        return np.round(corners * 2**_FRACTION_BITS).astype(np.int32)

    def fill(self, points: Points, colour: Colour, alpha: float = 1.0) -> None:
        """Paints a polygon over the body."""
        layer = self._rgba if alpha == 1 else self._rgba.copy()
        paint = (*map(float, colour), 1.0)
        cv2.fillPoly(layer, [self._project(points)], paint, shift=_FRACTION_BITS)
        cv2.addWeighted(layer, alpha, self._rgba, 1 - alpha, 0, dst=self._rgba)

    def shade(self, light: NDArray[np.floating]) -> None:
        """Multiplies the colours by a light for each subpixel, 1 for none."""
        self._rgba[..., :3] *= light.astype(np.float32)[..., None]

    def cut(self, points: Points) -> None:
        """Makes a hole in the body."""
        cv2.fillPoly(self._body, [self._project(points)], 0, shift=_FRACTION_BITS)

    def round_off(self, radius: float, dark: float = 0.5) -> None:
        """Shades the body as a cylinder around the x axis, lit from its upper side."""
        height = np.clip(self.y / radius, -1, 1)
        light = np.sqrt(np.maximum(1 - (height + 0.25) ** 2 / 1.6, 0))
        self.shade(dark + (1.15 - dark) * light)

    def crumple(self, cell: float, strength: float) -> None:
        """Adds creases: dark and light ridges, ``cell`` as a share of the tile's size."""
        shape, cell = self._body.shape, cell * max(self._body.shape)
        dark, light = (fractal_noise(self.rng, shape, cell, octaves=2) for _ in range(2))
        ridges = [(1 - np.abs(2 * noise - 1)) ** 6 for noise in (dark, light)]
        self.shade(1 + strength * (ridges[1] - ridges[0]))

    def finish(self) -> Patch:
        """The object at the resolution of the image."""
        height, width = (side // SUBPIXELS for side in self._body.shape)
        self._rgba[..., 3] *= self._body
        tile = self._rgba.clip(0, 255)
        small = cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        return Patch(small[..., :3], small[..., 3], self._body)
