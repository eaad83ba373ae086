"""Counts the boxes in each image, and measures how far a detector's counts are from the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from ..boxes import Boxes, check_labels
from ..errors import InputError

Count = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True)
class CountError:
    """How far the number of detections in an image is from that of true boxes.

    Args:
        true: Number of true boxes in all images.
        detected: Number of detections in all images.
        mae: Mean absolute error, the mean of ``|detected - true|`` over the images.
        bias: Mean of ``detected - true`` over the images; above 0 if too many are counted.
    """

    true: Count
    detected: Count
    mae: float
    bias: float


@dataclass(frozen=True)
class CountErrors:
    """Errors of counts at one confidence threshold.

    Args:
        total: Of the number of boxes of any class. Its bias is the sum of those of the classes. Its
            MAE is at most their sum, because boxes of a wrong class still count.
        per_class: Errors of each of K classes.
    """

    total: CountError
    per_class: tuple[CountError, ...]


def count_boxes(
    boxes: Boxes, image_ids: Sequence[int], num_classes: int, threshold: float = -np.inf
) -> np.ndarray:
    """Counts the boxes of each class in each image; crowds do not count, as they are not one box.

    Args:
        boxes: Ground truth or detections.
        image_ids: Of I images, all different; one without boxes counts as 0.
        num_classes: K.
        threshold: Least confidence of a box that counts.

    Returns:
        int64, shape (I, K), the images in the order of ``image_ids``.

    Raises:
        InputError: If a box refers to another image or class.

    >>> boxes = [{'image_id': 7, 'category_id': 1, 'bbox': [0, 0, 9, 9], 'score': 0.1 * n}
    ...          for n in (3, 5, 7)]
    >>> count_boxes(Boxes.from_results(boxes, {1: 0}), [6, 7], num_classes=2, threshold=0.4)
    array([[0, 0],
           [2, 0]])
    """
    check_labels('boxes', boxes.label, num_classes)
    rows = {image: row for row, image in enumerate(image_ids)}
    if unknown := sorted(set(boxes.image.tolist()) - set(rows)):
        raise InputError(f'boxes has the image {unknown[0]}, which image_ids lacks')
    counts = np.zeros((len(image_ids), num_classes), dtype=np.int64)
    boxes = boxes[(boxes.score >= threshold) & ~boxes.crowd]
    of_boxes = np.array([rows[image] for image in boxes.image.tolist()], dtype=np.int64)
    np.add.at(counts, (of_boxes, boxes.label), 1)
    return counts


def compare_counts(true: np.ndarray, detected: np.ndarray) -> CountErrors:
    """Measures the errors of counts, which are those of :func:`count_boxes`, shape (I, K), I > 0.

    >>> compare_counts(np.array([[1, 0], [2, 0]]), np.array([[0, 1], [1, 0]])).total
    CountError(true=3, detected=2, mae=0.5, bias=-0.5)
    """
    of_all = [np.column_stack([counts.sum(axis=1), counts]) for counts in (true, detected)]
    error = of_all[1] - of_all[0]
    columns = [counts.sum(axis=0) for counts in of_all]
    columns += [np.abs(error).mean(axis=0), error.mean(axis=0)]
    rows = zip(*(column.tolist() for column in columns), strict=True)
    total, *per_class = (CountError(*row) for row in rows)
    return CountErrors(total, tuple(per_class))
