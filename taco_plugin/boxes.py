"""Many boxes as arrays: how much they overlap, and how large they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from .errors import InputError

_KINDS = {np.int64: 'iu', np.float64: 'iuf', np.bool_: 'b'}
_DTYPES = {
    **{'image': np.int64, 'label': np.int64, 'crowd': np.bool_},
    **{'xyxy': np.float64, 'score': np.float64},
}

SIZES: dict[str, tuple[float, float]] = {
    'small': (0, 32**2),
    'medium': (32**2, 96**2),
    'large': (96**2, 1e10),
}
"""COCO's area ranges in square pixels; both ends are included."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of any number of images, one per row.

    Args:
        image: Id of the image, int64, shape (N,).
        label: Class, >= 0, int64, shape (N,).
        xyxy: Left, top, right and bottom in absolute pixels, float64, shape (N, 4).
        score: Confidence, float64, shape (N,); 1 for ground truth.
        crowd: Whether the box frames a group of objects, bool, shape (N,); false for detections.

    Raises:
        InputError: If a shape or dtype is wrong, a number is not finite, a label is negative, or
            x2 < x1 or y2 < y1 for a box.
    """

    image: np.ndarray
    label: np.ndarray
    xyxy: np.ndarray
    score: np.ndarray
    crowd: np.ndarray

    def __post_init__(self) -> None:
        count = np.size(self.image)
        for field in fields(self):
            shape = (count, 4) if field.name == 'xyxy' else (count,)
            column = _checked_column(field.name, getattr(self, field.name), shape)
            object.__setattr__(self, field.name, column)
        if (self.label < 0).any():
            raise InputError(f'label must be >= 0, but has {self.label.min()}')
        reversed_rows = np.flatnonzero((self.xyxy[:, 2:] < self.xyxy[:, :2]).any(axis=1))
        if len(reversed_rows):
            box = self.xyxy[reversed_rows[0]].tolist()
            raise InputError(f'xyxy must have x1 <= x2 and y1 <= y2, but has {box}')

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, rows: np.ndarray | slice) -> Self:
        """Selects boxes by row numbers, a mask or a slice."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @classmethod
    def from_coco(cls, coco: Mapping[str, Any], labels: Mapping[int, int]) -> Self:
        """Reads ground truth: the annotations of a COCO file, in their order.

        Args:
            coco: As :func:`~taco_plugin.coco.read_coco` returns it. Only ``annotations`` is read; a
                missing ``iscrowd`` counts as 0.
            labels: Category id -> label.

        Raises:
            InputError: If the category of an annotation has no label.

        >>> box = {'image_id': 7, 'category_id': 5, 'bbox': [10, 20, 30, 40]}
        >>> Boxes.from_coco({'annotations': [box]}, labels={5: 0}).xyxy
        array([[10., 20., 40., 60.]])
        """
        rows = coco['annotations']
        if unknown := sorted({row['category_id'] for row in rows} - set(labels)):
            raise InputError(f'no label for the category ids {unknown}; there are {sorted(labels)}')
        xyxy = np.array([row['bbox'] for row in rows], dtype=np.float64).reshape(-1, 4)
        xyxy[:, 2:] += xyxy[:, :2]
        return cls(
            image=np.array([row['image_id'] for row in rows]),
            label=np.array([labels[row['category_id']] for row in rows], dtype=np.int64),
            xyxy=xyxy,
            score=np.ones(len(rows)),
            crowd=np.array([bool(row.get('iscrowd', 0)) for row in rows], dtype=bool),
        )

    @classmethod
    def from_results(cls, results: Sequence[Mapping[str, Any]], labels: Mapping[int, int]) -> Self:
        """Reads detections: a list of COCO results, each with a ``score``, in their order.

        Otherwise as :meth:`from_coco`.
        """
        boxes = cls.from_coco({'annotations': results}, labels)
        score = np.array([row['score'] for row in results])
        return replace(boxes, score=score, crowd=np.zeros_like(boxes.crowd))


def box_iou(a: np.ndarray, b: np.ndarray, crowd: np.ndarray | None = None) -> np.ndarray:
    """Intersection over union of every box of ``a`` with every box of ``b``.

    As in COCO, it is 0 if either box is empty. For a crowd, the intersection is divided by the area
    of the detection alone, so that a detection inside the crowd overlaps it fully.

    Args:
        a: Detections, xyxy, shape (N, 4).
        b: Ground truth, xyxy, shape (M, 4).
        crowd: Which of ``b`` are crowds, shape (M,); none by default.

    Returns:
        In [0, 1], shape (N, M).

    >>> box_iou(np.array([[0, 0, 2, 2]]), np.array([[0, 0, 2, 4], [1, 0, 3, 2]]))
    array([[0.5       , 0.33333333]])
    """
    a, b = a[:, None], b[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    intersection = np.where((sides > 0).all(axis=-1), sides[..., 0] * sides[..., 1], 0.0)
    is_crowd = False if crowd is None else crowd
    union = _area(a) + np.where(is_crowd, 0.0, _area(b) - intersection)
    overlap = intersection > 0
    return np.divide(intersection, union, out=np.zeros(overlap.shape), where=overlap)


def bucket_areas(areas: np.ndarray) -> dict[str, int]:
    """Counts areas, in square pixels and of shape (N,), by COCO's size.

    An area exactly on a bound, which COCO counts twice, counts as the larger size.

    >>> bucket_areas(np.array([900, 1024, 1e12]))
    {'small': 1, 'medium': 1, 'large': 1}
    """
    bounds = [least for least, _ in SIZES.values()][1:]
    counts = np.bincount(np.searchsorted(bounds, areas, side='right'), minlength=len(SIZES))
    return dict(zip(SIZES, counts.tolist(), strict=True))


def resize_factors(image_sizes: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    """Scale factor of MMDetection's ``Resize(scale=input_size, keep_ratio=True)`` per image.

    The longer side of an image becomes at most the longer of ``input_size``, its shorter side at
    most the shorter, whatever the orientation. Rounding to whole pixels is ignored.

    Args:
        image_sizes: Width and height, pixels, shape (M, 2); the factors have the shape (M,).
        input_size: Two lengths in pixels.

    >>> resize_factors(np.array([[4000, 3000], [3000, 4000], [416, 416]]), (1333, 800)).round(3)
    array([0.267, 0.267, 1.923])
    """
    limits = np.array([max(input_size), min(input_size)])
    sides = np.stack([image_sizes.max(axis=1), image_sizes.min(axis=1)], axis=1)
    return (limits / sides).min(axis=1)


def check_labels(name: str, labels: np.ndarray, num_classes: int) -> None:
    """Refuses labels outside of [0, num_classes)."""
    if len(labels) and labels.max() >= num_classes:
        raise InputError(f'{name} has the label {labels.max()} of 0..{num_classes - 1}')


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _checked_column(name: str, given: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    column = np.asarray(given)
    if column.shape != shape:
        raise InputError(f'{name} must have the shape {shape}, but has {column.shape}')
    dtype = _DTYPES[name]
    if column.size and column.dtype.kind not in _KINDS[dtype]:
        raise InputError(f'{name} must hold {dtype.__name__}, but holds {column.dtype}')
    column = column.astype(dtype, copy=False)
    if not np.isfinite(column).all():
        raise InputError(f'{name} must be finite, but has {column[~np.isfinite(column)][0]}')
    return column
