"""What polygons need to become one line of a YOLO label file."""

from collections.abc import Sequence

import numpy as np

Points = np.ndarray
"""Corners of a polygon, absolute pixels, float64, shape (N, 2)."""


def clip_polygon(points: Points, width: float, height: float) -> Points:
    """Clips a polygon to its image (Sutherland and Hodgman 1974).

    Args:
        points: At least 3 corners, finite.
        width: The image's, in pixels.
        height: The image's, in pixels.

    Returns:
        ``points`` themselves if none lies outside. Parts that the image's border cuts from one
        another stay joined along it, and enclose the area that the polygon has in the image.
        Fewer than 3 corners if nothing is left.

    Example:
        >>> clip_polygon(np.array([[5.0, 5], [15, 5], [5, 15]]), 10, 20).tolist()
        [[5.0, 5.0], [10.0, 5.0], [10.0, 10.0], [5.0, 15.0]]
    """
    size = np.array([width, height], float)
    if (points >= 0).all() and (points <= size).all():
        return points
    for axis in (0, 1):
        points = _cut(points, points[:, axis] >= 0, axis, 0.0)
        points = _cut(points, points[:, axis] <= size[axis], axis, size[axis])
    return points.clip(0, size) if len(points) >= 3 else points[:0]


def _cut(points: Points, is_inside: np.ndarray, axis: int, limit: float) -> Points:
    if is_inside.all():
        return points
    following = np.roll(points, -1, axis=0)
    crosses = is_inside != np.roll(is_inside, -1)
    with np.errstate(all='ignore'):  # of edges that do not cross, and of sizes near 1e308
        share = (limit - points[:, axis]) / (following[:, axis] - points[:, axis])
    share = np.nan_to_num(share)[:, None].clip(0, 1)
    cuts = points * (1 - share) + following * share
    cuts[:, axis] = limit
    both = np.stack([points, cuts], axis=1)
    return both[np.stack([is_inside, crosses], axis=1)]


def join_polygons(polygons: Sequence[Points]) -> Points:
    """Makes one polygon of several, linked by lines of no width.

    Each polygon is linked to the one before it, from corner to nearest corner, there and back.
    The result encloses what they enclose together, but what several of them cover counts as
    often: filled by the even-odd rule, an overlap of two is left out.

    Args:
        polygons: At least one.

    Example:
        >>> triangle = np.array([[0.0, 0], [2, 0], [2, 2]])
        >>> joined = join_polygons([triangle, triangle + [3, 0]])
        >>> len(joined), float(signed_area(joined))
        (8, 4.0)
    """
    polygons = [points if signed_area(points) >= 0 else points[::-1] for points in polygons]
    links = [_nearest_corners(*pair) for pair in zip(polygons, polygons[1:], strict=False)]
    if not links:
        return polygons[0]
    enters = [links[0][0], *(link[1] for link in links)]
    leaves = [*(link[0] for link in links), links[-1][1]]
    there, back = [], []
    for points, enter, leave in zip(polygons, enters, leaves, strict=True):
        cycle = np.roll(points, -enter, axis=0)
        cut = (leave - enter) % len(points)
        there.append(cycle[: cut + 1])
        back.append(np.concatenate([cycle[cut:], cycle[:1]]))
    back[-1] = back[-1][1:]  # there ends where the last way back begins
    back[0] = back[0][:-1]  # the polygon closes by itself
    return np.concatenate([*there, *back[::-1]])


def _nearest_corners(first: Points, second: Points) -> tuple[int, int]:
    from scipy.spatial import cKDTree

    distances, indices = cKDTree(first).query(second)
    nearest = int(np.argmin(distances))
    return int(indices[nearest]), nearest


def signed_area(points: Points) -> float:
    """Area of a polygon, square pixels; negative if it runs the other way round.

    >>> float(signed_area(np.array([[0, 0], [2, 0], [2, 1], [0, 1]])))
    2.0
    """
    points = points - points[:1]  # far from the origin, products would lose digits
    x, y = points[:, 0], points[:, 1]
    return (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2
