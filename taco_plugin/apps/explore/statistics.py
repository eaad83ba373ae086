"""What one annotation file holds, in numbers."""

from collections import Counter
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ...boxes import bucket_areas, resize_factors
from .table import BoxTable

MOST_CLASSES = 80
"""How many classes, the most frequent, are compared with one another."""

_MOST_IMAGE_SIZES = 20
_PERCENTILES = {'min': 0, 'p5': 5, 'p25': 25, 'median': 50, 'p75': 75, 'p95': 95, 'max': 100}


def summarize(values: np.ndarray) -> dict[str, float] | None:
    """Mean and percentiles; None of nothing.

    >>> summarize(np.array([1, 2, 9]))['median']
    2.0
    """
    if not len(values):
        return None
    points = np.percentile(values, list(_PERCENTILES.values())).tolist()
    return {'mean': float(values.mean()), **dict(zip(_PERCENTILES, points, strict=True))}


def describe_boxes_per_image(table: BoxTable) -> dict[str, Any]:
    """Summary, and how many images have how many boxes."""
    counts = Counter(table.of_image.tolist())
    images = {str(number): counts[number] for number in sorted(counts)}
    return {**(summarize(table.of_image) or {}), 'images_by_boxes': images}


def describe_image_sizes(table: BoxTable) -> dict[str, Any]:
    """Summaries of width, height and megapixels, and the sizes that are most frequent."""
    sizes = table.image_sizes
    counts = Counter(map(tuple, sizes.astype(np.int64).tolist()))
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_IMAGE_SIZES]
    return {
        'width': summarize(sizes[:, 0]),
        'height': summarize(sizes[:, 1]),
        'megapixels': summarize(sizes.prod(axis=1) / 1e6),
        'different': len(counts),
        'most_frequent': [
            {'width': width, 'height': height, 'images': images}
            for (width, height), images in common
        ],
    }


def describe_box_sizes(table: BoxTable, input_size: tuple[int, int]) -> dict[str, Any]:
    """Summaries of the boxes' sides and of the root of their area, and COCO's size buckets.

    ``native`` is in pixels of the photograph, ``relative`` in shares of its sides (``root_area``:
    of the root of its area), ``input`` in pixels after resizing to ``input_size``.
    """
    factors = resize_factors(table.image_sizes, input_size)[table.image]
    roots = np.sqrt(table.area)
    image_roots = np.sqrt(table.image_sizes.prod(axis=1))[table.image]
    scales = {
        'native': (table.xywh[:, 2:], roots),
        'relative': (table.relative_sides, roots / image_roots),
        'input': (table.xywh[:, 2:] * factors[:, None], roots * factors),
    }
    report: dict[str, Any] = {
        name: {
            'width': summarize(sides[:, 0]),
            'height': summarize(sides[:, 1]),
            'root_area': summarize(root),
        }
        for name, (sides, root) in scales.items()
    }
    return {**report, 'buckets': bucket_sizes(table, input_size)}


def bucket_sizes(table: BoxTable, input_size: tuple[int, int]) -> dict[str, dict[str, int]]:
    """Number of small, medium and large boxes, ``native`` and at the ``input`` of a detector."""
    factors = resize_factors(table.image_sizes, input_size)[table.image]
    with np.errstate(over='ignore'):  # an infinite area is large, too
        at_input = table.area * factors**2
    return {'native': bucket_areas(table.area), 'input': bucket_areas(at_input)}


def describe_aspect_ratios(table: BoxTable) -> dict[str, float] | None:
    """Summary of width / height, ``mean`` being the geometric one."""
    summary = summarize(table.log_aspect)
    return summary and {name: float(2.0**value) for name, value in summary.items()}


def count_cooccurrence(table: BoxTable) -> tuple[np.ndarray, np.ndarray]:
    """In how many images two classes occur together.

    Returns:
        Labels of the classes that occur, at most 80, the most frequent first, shape (C,); numbers
        of images, int64, shape (C, C), on the diagonal of those with several boxes of the class.
    """
    boxes = np.bincount(table.label, minlength=len(table.classes))
    labels = np.argsort(-boxes, kind='stable')[:MOST_CLASSES]
    labels = labels[boxes[labels] > 0]
    column = np.full(len(boxes), -1)
    column[labels] = np.arange(len(labels))
    kept = column[table.label] >= 0
    ones = np.ones(kept.sum(), dtype=np.int64)
    places = (table.image[kept], column[table.label[kept]])
    count = csr_array((ones, places), shape=(len(table.image_sizes), len(labels)))
    count.sum_duplicates()
    present = count.sign()
    together = (present.T @ present).toarray()
    several = np.bincount(count.indices[count.data > 1], minlength=len(labels))
    np.fill_diagonal(together, several)
    return labels, together
