"""Label files of YOLO's format, written and read side by side.

A line is a class, counted from 0, and either the centre and the size of a box or the corners of a
polygon, all as shares of the width and the height of the image.
"""

import os
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...coco.clean import clip_box
from ...command_line import import_extra
from ...errors import InputError
from ...images import Size

# As ultralytics has them.
IMAGE_SUFFIXES = '.bmp', '.dng', '.heic', '.jpeg', '.jpg', '.mpo', '.png', '.tif', '.tiff', '.webp'
"""Suffixes that YOLO trainers look for, in lower case."""

DIGITS = 8
"""Decimal places of a share: an edge is off by at most 1e-8 of the image's side."""

PIXEL_DIGITS = 4
"""Decimal places of a pixel coordinate that was read from a label file.

A box that goes to a label file and back moves by at most 1e-8 of the image's side and 1e-4 px, and
comes back exactly if it was in whole pixels; one of less than 1e-4 px is lost."""


@dataclass(frozen=True)
class Label:
    """One object of a label file.

    Args:
        class_index: Counted from 0.
        shares: 4 numbers of a box (centre x, centre y, width, height) or at least 6 of a polygon
            (x and y of each corner), each in [0, 1].
    """

    class_index: int
    shares: tuple[float, ...]

    @classmethod
    def from_box(cls, class_index: int, box: Sequence[float], size: Size) -> 'Label':
        """Makes the label of a box, ``xywh`` in absolute pixels, in an image of this size.

        >>> Label.from_box(3, [10, 20, 30, 40], (100, 80)).format()
        '3 0.25 0.5 0.3 0.5'
        """
        corner, lengths = np.array(box[:2]), np.array(box[2:])
        center, lengths = (corner + lengths / 2) / size, lengths / size
        # A size of 0 would be no box.
        return cls(class_index, (*center.tolist(), *lengths.clip(10.0**-DIGITS).tolist()))

    def format(self) -> str:
        """The line of the label file."""
        shares = (f'{share + 0.0:.{DIGITS}f}'.rstrip('0').rstrip('.') for share in self.shares)
        return ' '.join([str(self.class_index), *shares])  # adding 0 leaves no -0

    def to_annotation(self, size: Size) -> dict:
        """The ``bbox``, ``segmentation``, ``area`` and ``iscrowd`` of a COCO annotation.

        Coordinates are absolute pixels of an image of this width and height, rounded to
        :data:`PIXEL_DIGITS` places. A polygon's extent becomes its box. A box that leaves the
        image by more than rounding does still leaves it.

        >>> Label(0, (0.25, 0.5, 0.3, 0.5)).to_annotation((100, 80))['bbox']
        [10.0, 20.0, 30.0, 40.0]
        """
        shares, is_box = np.reshape(self.shares, (-1, 2)), len(self.shares) == 4
        if is_box:
            center, lengths = shares
            shares = np.stack([center - lengths / 2, center + lengths / 2])
            for border in (0.0, 1.0):
                shares[np.abs(shares - border) <= 10.0**-DIGITS] = border
        points = (shares * size).round(PIXEL_DIGITS)
        low, high = points.min(axis=0), points.max(axis=0)
        box = [*low.tolist(), *(high - low).round(PIXEL_DIGITS).tolist()]
        if (shares >= 0).all() and (shares <= 1).all():
            box = clip_box(box, *size) or box  # the sum may exceed the side by rounding
        area = box[2] * box[3] if is_box else import_extra('shapely', 'yolo').Polygon(points).area
        polygons = [] if is_box else [points.ravel().tolist()]
        return {'bbox': box, 'segmentation': polygons, 'area': area, 'iscrowd': 0}


def join_polygons(polygons: Sequence[np.ndarray], size: Size) -> np.ndarray:
    """Makes one polygon of several, within the image, that covers what they cover together.

    Parts that lie apart, and holes, are linked by bridges of no width between their nearest
    corners, as ultralytics does. A single polygon that lies within the image is returned as it is.

    Args:
        polygons: Corners of each, absolute pixels, shape (N, 2).
        size: Width and height of the image.

    Returns:
        Corners, absolute pixels, shape (N, 2); none if nothing lies in the image.
    """
    if len(polygons) == 1 and (polygons[0] >= 0).all() and (polygons[0] <= size).all():
        return polygons[0]
    shapely = import_extra('shapely', 'yolo')
    valid = [  # GEOS overflows far outside of the image
        shapely.make_valid(shapely.Polygon(points.clip(-1e7, 1e7))) for points in polygons
    ]
    covered = shapely.union_all(valid) & shapely.box(0, 0, *size)
    # Outlines turn one way and holes the other, so that any rule of filling sees the same.
    parts = [part for part in shapely.get_parts(covered.normalize()) if part.area]
    rings = [
        np.array(ring.coords)[:-1] for part in parts for ring in (part.exterior, *part.interiors)
    ]
    outline = rings.pop(0) if rings else np.empty((0, 2))
    while rings:
        gaps = [np.linalg.norm(outline[:, None] - ring, axis=2) for ring in rings]
        nearest = min(range(len(rings)), key=lambda index: gaps[index].min())
        i, j = np.unravel_index(gaps[nearest].argmin(), gaps[nearest].shape)
        ring = rings.pop(nearest)
        outline = np.concatenate([outline[: i + 1], ring[j:], ring[: j + 1], outline[i:]])
    return outline.clip(0, size)


def parse_labels(text: str, num_classes: int, name: str) -> list[Label]:
    """Reads what a label file of this name holds; blank lines are left out.

    Raises:
        InputError: If a line is not as the format asks; names the file and the line.

    >>> parse_labels('0 0.5 0.5 1 1', num_classes=1, name='a.txt')
    [Label(class_index=0, shares=(0.5, 0.5, 1.0, 1.0))]
    """
    labels = []
    for number, line in enumerate(text.split('\n'), start=1):
        if line.strip():
            try:
                labels.append(_parse_line(line, num_classes))
            except ValueError as error:
                raise InputError(f'{name}, line {number}: {error}') from None
    return labels


def _parse_line(line: str, num_classes: int) -> Label:
    try:
        index, *shares = map(float, line.replace('_', '?').split())  # Python would take 1_0 for 10
    except ValueError:
        raise ValueError(f'{reprlib.repr(line.strip())} are not all numbers') from None
    if len(shares) != 4 and (len(shares) < 6 or len(shares) % 2):
        raise ValueError(
            'expected a class and the 4 numbers of a box, or 6 or more, in pairs, of a polygon; '
            f'found {len(shares)} numbers after the class'
        )
    if index not in range(num_classes):
        raise ValueError(f'unknown class {index:g}: the classes are 0 to {num_classes - 1}')
    for share in shares:
        if not 0 <= share <= 1:  # NaN is neither
            raise ValueError(f'{share:g} is not in [0, 1]')
    return Label(int(index), tuple(shares))


def label_path(image_path: str) -> str:
    """Where YOLO trainers look for the labels of an image.

    The last folder ``images`` becomes ``labels``, the suffix ``.txt``.

    >>> label_path('/yolo/images/train/batch_1/000006.JPG')
    '/yolo/labels/train/batch_1/000006.txt'
    """
    return os.path.splitext('/labels/'.join(image_path.rsplit('/images/', 1)))[0] + '.txt'
