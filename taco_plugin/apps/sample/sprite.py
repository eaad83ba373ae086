"""The painter's tile: vector shapes in object coordinates become antialiased pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .noise import Field, creases, resize
from .shapes import Points

#: RGB, each 0 to 255.
Colour = tuple[float, float, float]

#: Objects shorter than this many pixels are drawn at the finer of the two supersamplings.
_SMALL = 56
_MARGIN = 2
_SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Pose:
    """How an object lies: a homography from object coordinates to pixels around (0, 0).

    Args:
        matrix: Shape (3, 3).
        supersample: Subpixels per pixel and axis.
    """

    matrix: NDArray[np.float64]
    supersample: int

    def project(self, points: Points) -> Points:
        """Maps object coordinates to pixels, shape (N, 2) to (N, 2)."""
        return np.asarray(cv2.perspectiveTransform(points[:, None], self.matrix)[:, 0], float)


def random_pose(rng: np.random.Generator, length: float) -> Pose:
    """Draws rotation, aspect and a slight perspective for an object of a length in pixels."""
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([(cos, -sin, 0), (sin, cos, 0), (0, 0, 1)])
    tilt = np.eye(3)
    tilt[2, :2] = rng.uniform(-0.16, 0.16, 2)
    scale = np.diag([length, length * rng.uniform(0.9, 1.1), 1])
    return Pose(turn @ scale @ tilt, supersample=4 if length < _SMALL else 2)


@dataclass(frozen=True)
class Patch:
    """A drawn object.

    Args:
        rgb: Shape (H, W, 3), float32, 0 to 255.
        alpha: Opacity, shape (H, W), float32, 0 to 1.
        x: Column of the patch's left edge.
        y: Row of the patch's upper edge.
        outline: Polygon in pixels, in the same frame as x and y, shape (N, 2).
    """

    rgb: NDArray[np.float32]
    alpha: Field
    x: int
    y: int
    outline: Points


class Sprite:
    """A tile on which one object is painted, body first, details over it.

    Args:
        pose: How the object lies.
        outline: The body's outline in object coordinates; nothing is painted outside it.
        colour: The body's colour.
        alpha: The body's opacity; glass and film let the ground through.
    """

    def __init__(self, pose: Pose, outline: Points, colour: Colour, alpha: float = 1.0) -> None:
        self.pose = pose
        self.outline = pose.project(outline)
        low = np.floor(self.outline.min(axis=0)).astype(int) - _MARGIN
        high = np.ceil(self.outline.max(axis=0)).astype(int) + _MARGIN
        self._origin = low
        self.shape: tuple[int, int] = tuple((high - low)[::-1] * pose.supersample)
        self.body = self.mask(outline)
        self.alpha: Field = self.body * np.float32(alpha)
        self.rgb: NDArray[np.float32] = np.empty((*self.shape, 3), np.float32)
        self.rgb[:] = colour
        self.x, self.y = self._object_coordinates()

    def mask(self, points: Points) -> Field:
        """Returns 1 inside a polygon given in object coordinates, else 0, shape of the tile."""
        subpixels = (self.pose.project(points) - self._origin) * self.pose.supersample - 0.5
        corners = np.round(subpixels * 2**_SUBPIXEL_BITS).astype(np.int32)
        mask = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(mask, [corners], 1, shift=_SUBPIXEL_BITS)
        return mask.astype(np.float32)

    def fill(self, points: Points, colour: Colour, alpha: float = 1.0) -> None:
        """Paints a polygon over the body."""
        self.paint(colour, self.mask(points) * np.float32(alpha))

    def paint(self, colour: Colour, weight: Field) -> None:
        """Paints a colour over the body with an opacity for each subpixel."""
        weight = weight * self.body
        covered = self.alpha + weight * (1 - self.alpha)
        share = weight / np.maximum(covered, 1e-6)
        self.rgb += (np.asarray(colour, np.float32) - self.rgb) * share[..., None]
        self.alpha = covered

    def shade(self, factor: NDArray[np.floating]) -> None:
        """Multiplies the colours by a light for each subpixel, 1 for none."""
        self.rgb *= np.asarray(factor, np.float32)[..., None]

    def cut(self, points: Points) -> None:
        """Makes a hole in the body."""
        hole = self.mask(points)
        self.body = self.body * (1 - hole)
        self.alpha = self.alpha * (1 - hole)

    def round_off(self, radius: float, dark: float = 0.5) -> None:
        """Shades the body as a cylinder around the x axis, lit from its upper side."""
        height = np.clip(self.y / radius, -1, 1)
        light = np.sqrt(np.maximum(1 - (height + 0.25) ** 2 / 1.6, 0))
        self.shade(dark + (1.15 - dark) * light)

    def crumple(self, rng: np.random.Generator, cell: float, strength: float) -> None:
        """Adds creases: dark and light ridges, ``cell`` as a share of the tile's size."""
        size = cell * max(self.shape)
        ridges = creases(rng, self.shape, size) - creases(rng, self.shape, size)
        self.shade(1 + strength * ridges)

    def finish(self) -> Patch:
        """Returns the object at the resolution of the image."""
        height, width = (side // self.pose.supersample for side in self.shape)
        rgb = resize(np.clip(self.rgb, 0, 255), (height, width), cv2.INTER_AREA)
        alpha = resize(self.alpha, (height, width), cv2.INTER_AREA)
        x, y = (int(value) for value in self._origin)
        return Patch(rgb, alpha, x, y, self.outline)

    def _object_coordinates(self) -> tuple[Field, Field]:
        rows, columns = np.indices(self.shape, dtype=np.float32)
        inverse = np.linalg.inv(self.pose.matrix).astype(np.float32)
        x = (columns + 0.5) / self.pose.supersample + self._origin[0]
        y = (rows + 0.5) / self.pose.supersample + self._origin[1]
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in inverse)
        return (u / w).astype(np.float32), (v / w).astype(np.float32)
