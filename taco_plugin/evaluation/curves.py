"""Precision, recall and F1 of each class over confidence, and the confusion matrix."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..boxes import Boxes
from .matching import Matches, match_by_iou

RECALLS = np.linspace(0, 1, 101)
"""Recalls at which COCO samples the precision."""

THRESHOLDS = np.linspace(0, 1, 1001)
"""Confidence thresholds of the curves."""


@dataclass(frozen=True)
class MeanCurves:
    """Means over the classes with ground truth, at IoU 0.50, in [0, 1].

    Args:
        recall: The 101 of :data:`RECALLS`.
        precision: At each recall.
        threshold: 101 confidence thresholds.
        f1: At each threshold.
        best_threshold: The one of :data:`THRESHOLDS` with the highest F1.
        best_f1: F1 at that threshold.
    """

    recall: tuple[float, ...]
    precision: tuple[float, ...]
    threshold: tuple[float, ...]
    f1: tuple[float, ...]
    best_threshold: float
    best_f1: float


@dataclass(frozen=True, eq=False)
class ScoreCurves:
    """Metrics of K classes, in [0, 1], as functions of the confidence threshold.

    A class without ground truth is NaN throughout and is excluded from the mean. If no class has
    ground truth, the mean is NaN.

    Args:
        thresholds: Confidence thresholds, shape (T,).
        precision: Share of the detections that are right, 1 if there are none, shape (K, T).
        recall: Share of the true boxes that are found, shape (K, T).
        f1: Harmonic mean of both, 0 if nothing is found, shape (K, T).
    """

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    @property
    def mean_f1(self) -> np.ndarray:
        """Mean over the classes, shape (T,)."""
        counted = self.f1[~np.isnan(self.f1).any(axis=1)]
        return counted.mean(axis=0) if len(counted) else np.full(len(self.thresholds), np.nan)


def precision_recall(matches: Matches, num_classes: int) -> np.ndarray:
    """Precision of each class at the 101 recalls :data:`RECALLS`, as COCO interpolates it.

    At each recall, it is the highest precision among the confidence thresholds with at least that
    recall, or 0 if there are none.

    Returns:
        In [0, 1], NaN for a class without ground truth, shape (K, 101). Its mean over the recalls
        is COCO's AP at the IoU threshold of the matches.
    """
    precision = np.full((num_classes, len(RECALLS)), np.nan)
    for label, total, _, correct in _classes(matches, num_classes):
        right = np.cumsum(correct)
        envelope = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
        reached = np.searchsorted(right / total, RECALLS)
        precision[label] = np.append(envelope, 0.0)[reached]
    return precision


def score_curves(
    matches: Matches, num_classes: int, thresholds: np.ndarray = THRESHOLDS
) -> ScoreCurves:
    """Precision, recall and F1 of each class over the confidence threshold.

    Without detections, precision is 1, where scikit-learn's and ultralytics' curves also end.

    Args:
        matches: Of all classes.
        num_classes: K.
        thresholds: Confidence thresholds, in any order, shape (T,).
    """
    precision, recall, f1 = np.full((3, num_classes, len(thresholds)), np.nan)
    for label, total, score, correct in _classes(matches, num_classes):
        count = len(score) - np.searchsorted(score[::-1], thresholds)
        right = np.append(0, np.cumsum(correct))[count]
        precision[label] = np.where(count > 0, right / np.maximum(count, 1), 1.0)
        recall[label] = right / total
        f1[label] = 2 * right / (count + total)
    return ScoreCurves(thresholds, precision, recall, f1)


def best_f1(curves: ScoreCurves) -> tuple[float, float]:
    """The confidence threshold with the highest mean F1, and that F1.

    Of equal thresholds, the first is returned; without ground truth, both are NaN.
    """
    mean = curves.mean_f1
    if np.isnan(mean).all():
        return np.nan, np.nan
    best = int(np.argmax(mean))
    return float(curves.thresholds[best]), float(mean[best])


def mean_curves(curves: ScoreCurves, precision: np.ndarray) -> MeanCurves | None:
    """Averages :func:`score_curves` and :func:`precision_recall` over the classes.

    Returns None if there is no ground truth.
    """
    threshold, f1 = best_f1(curves)
    if np.isnan(f1):
        return None
    return MeanCurves(
        recall=_rounded(RECALLS),
        precision=_rounded(np.nanmean(precision, axis=0)),
        threshold=_rounded(curves.thresholds[::10]),
        f1=_rounded(curves.mean_f1[::10]),
        best_threshold=threshold,
        best_f1=f1,
    )


def _rounded(column: np.ndarray) -> tuple[float, ...]:
    return tuple(column.round(5).tolist())


def confusion_matrix(
    truth: Boxes, detections: Boxes, num_classes: int, *, score_threshold: float = 0.25
) -> np.ndarray:
    """Counts the true boxes of each class by the class that they were detected as.

    Boxes are matched by :func:`~.matching.match_by_iou`. Unlike in COCO's rule, IoU has precedence
    over confidence. Only detections with a score of ``score_threshold`` or more count.

    Crowds are not counted, nor are unmatched detections that overlap one enough.

    Returns:
        int64, shape (K + 1, K + 1): the true class by row, the predicted one by column. The last
        column counts missed true boxes, the last row detections on background. A row sums to the
        number of true boxes of its class, a column to that of its detections that count.

    >>> box = {'image_id': 7, 'category_id': 0, 'bbox': [0, 0, 10, 10]}
    >>> truth = Boxes.from_coco({'annotations': [box]}, {0: 0})
    >>> detections = Boxes.from_results([{**box, 'category_id': 1, 'score': 0.9}], {1: 1})
    >>> confusion_matrix(truth, detections, num_classes=2)
    array([[0, 1, 0],
           [0, 0, 0],
           [0, 0, 0]])
    """
    detections = detections[detections.score >= score_threshold]
    partner, missed = match_by_iou(truth, detections)
    true_class = np.append(truth.label, num_classes)[partner]  # -1 takes the last
    counts = ~np.append(truth.crowd, False)[partner]
    matrix = np.zeros((num_classes + 1, num_classes + 1), dtype=np.int64)
    np.add.at(matrix, (true_class[counts], detections.label[counts]), 1)
    np.add.at(matrix, (truth.label[missed], num_classes), 1)
    return matrix


def normalise(matrix: np.ndarray) -> np.ndarray:
    """Divides each row by its sum, which gives shares of the true boxes of each class.

    Returns:
        In [0, 1], NaN in a row that sums to 0, float64, the shape of ``matrix``.

    >>> normalise(np.array([[3, 1], [0, 0]]))
    array([[0.75, 0.25],
           [ nan,  nan]])
    """
    total = matrix.sum(axis=1, keepdims=True)
    nothing = np.full(matrix.shape, np.nan)
    return np.divide(matrix, total, out=nothing, where=total > 0)


def _classes(
    matches: Matches, num_classes: int
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Yields label, true box count, descending scores and correctness per class with truth."""
    totals = np.bincount(matches.truth_label, minlength=num_classes)
    counted = ~matches.ignored
    label, score, correct = (
        column[counted] for column in (matches.label, matches.score, matches.correct)
    )
    bounds = np.searchsorted(label, np.arange(num_classes + 1))
    for number in np.flatnonzero(totals).tolist():
        rows = slice(bounds[number], bounds[number + 1])
        yield number, int(totals[number]), score[rows], correct[rows]
