"""Which classes are taken for which, and how often each is predicted."""

import numpy as np

from ..boxes import Boxes, check_labels
from .matching import match_by_iou


def confusion_matrix(
    truth: Boxes,
    found: Boxes,
    num_classes: int,
    score_threshold: float = 0.25,
    iou_threshold: float = 0.5,
) -> np.ndarray:
    """Counts the true boxes of each class by the class that they were detected as.

    Whatever their classes, the pairs of a detection and a true box of its image with IoU >=
    ``iou_threshold`` are gone through from the highest IoU to the lowest, and a pair is matched
    if both are free. At equal IoU, pairs of one class come first, then higher scores, then the
    order in which boxes are given. Unlike :func:`match`, a confident detection has no precedence
    over one that lies better.

    Ultralytics goes by IoU too, but leaves a detection unmatched if the true box it overlaps most
    is taken; here it may get the next. Newer versions of supervision prefer pairs of one class
    whatever their IoU.

    Crowds are not counted, and neither is a detection without match that overlaps one enough.

    Args:
        truth: Ground truth.
        found: Detections.
        num_classes: K.
        score_threshold: Least confidence of a detection that counts.
        iou_threshold: In (0, 1].

    Returns:
        int64, shape (K + 1, K + 1): the true class by row, the predicted one by column. The last
        column counts true boxes that were missed, the last row detections of nothing. A row sums
        to the true boxes of its class, a column to the detections of its class that count.

    Raises:
        InputError: If a label is not in [0, K), or ``iou_threshold`` is out of range.

    >>> box = {'image_id': 7, 'category_id': 0, 'bbox': [0, 0, 10, 10]}
    >>> truth = Boxes.from_coco({'annotations': [box]}, {0: 0})
    >>> found = Boxes.from_results([{**box, 'category_id': 1, 'score': 0.9}], {1: 1})
    >>> confusion_matrix(truth, found, num_classes=2)
    array([[0, 1, 0],
           [0, 0, 0],
           [0, 0, 0]])
    """
    check_labels('truth', truth.label, num_classes)
    check_labels('found', found.label, num_classes)
    found = found[found.score >= score_threshold]
    rows, true_rows = match_by_iou(truth, found, iou_threshold)
    true_class = np.full(len(found), num_classes)
    true_class[rows] = truth.label[true_rows]
    counts = np.ones(len(found), dtype=bool)
    counts[rows] = ~truth.crowd[true_rows]
    missed = ~truth.crowd
    missed[true_rows] = False
    matrix = np.zeros((num_classes + 1, num_classes + 1), dtype=np.int64)
    np.add.at(matrix, (true_class[counts], found.label[counts]), 1)
    np.add.at(matrix, (truth.label[missed], num_classes), 1)
    return matrix


def normalise(matrix: np.ndarray) -> np.ndarray:
    """Divides each row by its sum: shares of the true boxes of each class.

    Args:
        matrix: Counts, shape (N, N).

    Returns:
        In [0, 1], NaN in a row that sums to 0, float64, shape (N, N).

    >>> normalise(np.array([[3, 1], [0, 0]]))
    array([[0.75, 0.25],
           [ nan,  nan]])
    """
    total = matrix.sum(axis=1, keepdims=True)
    nothing = np.full(matrix.shape, np.nan)
    return np.divide(matrix, total, out=nothing, where=total > 0)


def class_counts(
    truth: Boxes, found: Boxes, num_classes: int, score_threshold: float = 0.25
) -> tuple[np.ndarray, np.ndarray]:
    """Number of true and of predicted boxes of each class.

    Args:
        truth: Ground truth; crowds are not counted.
        found: Detections.
        num_classes: K.
        score_threshold: Least confidence of a detection that counts.

    Returns:
        True boxes and predicted boxes, each int64, shape (K,).

    Raises:
        InputError: If a label is not in [0, K).
    """
    check_labels('truth', truth.label, num_classes)
    check_labels('found', found.label, num_classes)
    true = np.bincount(truth.label[~truth.crowd], minlength=num_classes)
    predicted = np.bincount(found.label[found.score >= score_threshold], minlength=num_classes)
    return true, predicted
