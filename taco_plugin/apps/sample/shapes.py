"""Outlines in object coordinates: x along the object's axis in [-0.5, 0.5], y across it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    """Returns a rectangle, shape (4, 2)."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float)


def ellipse(x: float, y: float, rx: float, ry: float, corners: int = 40) -> Points:
    """Returns an ellipse around (x, y), shape (corners, 2)."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.column_stack([x + rx * np.cos(angle), y + ry * np.sin(angle)])


def mirror(profile: Sequence[tuple[float, float]]) -> Points:
    """Closes a profile of (x, half width) to an outline that is symmetric to the x axis."""
    upper = np.array(profile, dtype=float)
    return np.concatenate([upper, upper[::-1] * (1, -1)])


def soften(points: ArrayLike, passes: int = 2) -> Points:
    """Rounds the corners of a closed outline (Chaikin's corner cutting)."""
    points = np.asarray(points, dtype=float)
    for _ in range(passes):
        following = np.roll(points, -1, axis=0)
        cut = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1)
        points = cut.reshape(-1, 2)
    return points


def band(path: ArrayLike, width: ArrayLike) -> Points:
    """Returns the outline of a stroke of a width along an open path.

    Args:
        path: Shape (N, 2).
        width: One width, or one per point of the path.
    """
    path = np.asarray(path, dtype=float)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    half = np.broadcast_to(np.asarray(width, dtype=float) / 2, len(path))[:, None]
    side = np.column_stack([-along[:, 1], along[:, 0]]) * half
    return np.concatenate([path + side, (path - side)[::-1]])


def bend(length: float, angle: float, at: float, corners: int = 9) -> Points:
    """Returns an open path along x that turns by an angle (radians) at a share of its length.

    It is centred on its own bounds, shape (2 * corners, 2).
    """
    before = np.linspace(0, at * length, corners)
    after = np.linspace(0, (1 - at) * length, corners + 1)[1:]
    turn = np.minimum(np.arange(1, corners + 1) / 3, 1) * angle
    step = after[0] * np.column_stack([np.cos(turn), np.sin(turn)])
    straight = np.column_stack([before, np.zeros(corners)])
    path = np.concatenate([straight, straight[-1] + np.cumsum(step, axis=0)])
    return path - (path.min(axis=0) + path.max(axis=0)) / 2


def jitter(rng: np.random.Generator, points: Points, amount: float) -> Points:
    """Moves every point by a normal step."""
    return points + rng.normal(0, amount, points.shape)


def blob(rng: np.random.Generator, rx: float, ry: float, rough: float, corners: int = 11) -> Points:
    """Returns a rounded irregular outline of about the given radii."""
    radius = 1 + rng.uniform(-rough, rough, (corners, 1))
    return soften(ellipse(0, 0, rx, ry, corners) * radius)


def clip_to_image(points: Points, size: int) -> Points:
    """Cuts an outline to ``[0, size] x [0, size]`` (Sutherland and Hodgman 1974).

    Where a concave outline falls into parts, they stay joined along the border: area and bounds
    are those of the parts.

    Returns:
        Shape (M, 2); M is 0 for an outline that is wholly outside.

    Example:
        >>> clip_to_image(box(-5, 2, 5, 4), 10).tolist()
        [[0.0, 2.0], [5.0, 2.0], [5.0, 4.0], [0.0, 4.0]]
    """
    for axis, limit, sign in ((0, 0, 1), (0, size, -1), (1, 0, 1), (1, size, -1)):
        points = _cut_half_plane(points, axis, limit, sign)
    return points


def _cut_half_plane(points: Points, axis: int, limit: float, sign: int) -> Points:
    kept = []
    for first, second in zip(points, np.roll(points, -1, axis=0), strict=True):
        inside, next_inside = (sign * (point[axis] - limit) >= 0 for point in (first, second))
        if inside:
            kept.append(first)
        if inside != next_inside:
            share = (limit - first[axis]) / (second[axis] - first[axis])
            crossing = first + share * (second - first)
            crossing[axis] = limit
            kept.append(crossing)
    return np.array(kept, dtype=float).reshape(-1, 2)


def polygon_area(points: Points) -> float:
    """Returns the area of a simple polygon (shoelace formula)."""
    x, y = points.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
