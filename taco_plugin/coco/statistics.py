"""Counts the images and boxes of each class in a COCO file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .read import Coco


@dataclass(frozen=True)
class ClassStatistics:
    """Number of a class's boxes, and of images with at least one of them.

    ``inverse_density`` is the value of :func:`inverse_density` for the class, and ``weight`` is
    that value divided by its sum over the classes.
    """

    name: str
    boxes: int
    images: int
    inverse_density: float
    weight: float


@dataclass(frozen=True)
class CocoStatistics:
    """Statistics of a COCO file; classes are in the order of its categories."""

    images: int
    images_without_boxes: int
    boxes: int
    classes: tuple[ClassStatistics, ...]


def report_counts(coco: Coco) -> dict[str, int]:
    """Number of images, annotations and categories in a file."""
    return {section: len(coco[section]) for section in ('images', 'annotations', 'categories')}


def inverse_density(counts: Sequence[int]) -> list[float]:
    """``N / (n + 1)`` for a class with n of the N boxes.

    >>> inverse_density([3, 1, 0])
    [1.0, 2.0, 4.0]
    """
    total = sum(counts)
    return [total / (count + 1) for count in counts]


def class_statistics(coco: Coco) -> CocoStatistics:
    """Counts images and boxes, in total and by class; every annotation must have its image.

    Example:
        >>> coco = {'images': [{'id': 1}], 'categories': [{'id': 5, 'name': 'Can'}],
        ...         'annotations': [{'image_id': 1, 'category_id': 5}] * 2}
        >>> (can,) = class_statistics(coco).classes
        >>> can.boxes, can.images, can.weight
        (2, 1, 1.0)
    """
    annotations = coco['annotations']
    boxes = Counter(annotation['category_id'] for annotation in annotations)
    pairs = {(annotation['category_id'], annotation['image_id']) for annotation in annotations}
    images = Counter(category_id for category_id, _ in pairs)
    ids = [category['id'] for category in coco['categories']]
    densities = inverse_density([boxes[category_id] for category_id in ids])
    total = sum(densities) or 1.0  # without any box, all weights are 0
    return CocoStatistics(
        images=len(coco['images']),
        images_without_boxes=len(coco['images']) - len({image_id for _, image_id in pairs}),
        boxes=len(annotations),
        classes=tuple(
            ClassStatistics(
                category['name'], boxes[category['id']], images[category['id']], d, d / total
            )
            for category, d in zip(coco['categories'], densities, strict=True)
        ),
    )
