"""Precision, recall and F1 of each class, over recall and over the confidence threshold."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .matching import Matches

RECALLS = np.linspace(0, 1, 101)
"""Recalls at which COCO reads the precision."""

THRESHOLDS = np.linspace(0, 1, 1001)
"""Confidence thresholds of the curves."""


@dataclass(frozen=True, eq=False)
class ScoreCurves:
    """Figures of K classes, in [0, 1], if only detections from some confidence on count.

    A class without ground truth is NaN throughout and left out of the means, which are NaN if
    there is no other.

    Args:
        thresholds: Least confidence, shape (T,).
        precision: Share of the detections that are right, 1 if there are none, shape (K, T).
        recall: Share of the true boxes that are found, shape (K, T).
        f1: Their harmonic mean, 0 where nothing is found, shape (K, T).
    """

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    @property
    def mean_precision(self) -> np.ndarray:
        """Mean of the classes' precision, shape (T,)."""
        return _mean_of_classes(self.precision)

    @property
    def mean_recall(self) -> np.ndarray:
        """Mean of the classes' recall, shape (T,)."""
        return _mean_of_classes(self.recall)

    @property
    def mean_f1(self) -> np.ndarray:
        """Mean of the classes' F1, shape (T,)."""
        return _mean_of_classes(self.f1)


def precision_recall(matches: Matches, num_classes: int) -> np.ndarray:
    """Precision of each class at the 101 recalls :data:`RECALLS`, as COCO interpolates it.

    At each recall it is the highest precision among the confidence thresholds that reach it, 0 if
    none does.

    Args:
        matches: As :func:`match` returns them.
        num_classes: K.

    Returns:
        In [0, 1], NaN for a class without ground truth, shape (K, 101).

    Raises:
        InputError: If a label is not in [0, K).
    """
    precision = np.full((num_classes, len(RECALLS)), np.nan)
    for label, total, _, correct in _classes(matches, num_classes):
        right = np.cumsum(correct)
        envelope = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
        reached = np.searchsorted(right / total, RECALLS)
        precision[label] = np.append(envelope, 0.0)[reached]
    return precision


def average_precision(precision: np.ndarray) -> np.ndarray:
    """COCO's AP of each class at the IoU threshold of the matches.

    Args:
        precision: As :func:`precision_recall` returns it, shape (K, 101).

    Returns:
        In [0, 1], NaN for a class without ground truth, shape (K,).
    """
    return precision.mean(axis=1)


def score_curves(
    matches: Matches, num_classes: int, thresholds: np.ndarray = THRESHOLDS
) -> ScoreCurves:
    """Precision, recall and F1 of each class if only detections >= a threshold count.

    Precision without detections, 0/0, is 1: scikit-learn's and ultralytics' curves end there too.

    Args:
        matches: As :func:`match` returns them.
        num_classes: K.
        thresholds: Confidence thresholds, in any order, shape (T,).

    Raises:
        InputError: If a label is not in [0, K), or ``thresholds`` is not one row of numbers.
    """
    thresholds = np.asarray(thresholds, dtype=np.float64)
    if thresholds.ndim != 1 or not np.isfinite(thresholds).all():
        raise InputError(f'thresholds must be one row of finite numbers, but are {thresholds}')
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

    Of several, the first; both are NaN without any ground truth. The curve is not smoothed first,
    as ultralytics does.

    Raises:
        InputError: If the curves have no threshold.
    """
    if not len(curves.thresholds):
        raise InputError('thresholds must not be empty')
    mean = curves.mean_f1
    if np.isnan(mean).all():
        return np.nan, np.nan
    best = int(np.argmax(mean))
    return float(curves.thresholds[best]), float(mean[best])


def _classes(
    matches: Matches, num_classes: int
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Label, number of true boxes, scores (descending) and correctness of each class with truth."""
    totals = matches.true_boxes(num_classes)
    counted = ~matches.ignored
    label, score, correct = (
        column[counted] for column in (matches.label, matches.score, matches.correct)
    )
    bounds = np.searchsorted(label, np.arange(num_classes + 1))
    for number in np.flatnonzero(totals).tolist():
        rows = slice(bounds[number], bounds[number + 1])
        yield number, int(totals[number]), score[rows], correct[rows]


def _mean_of_classes(figures: np.ndarray) -> np.ndarray:
    counted = figures[~np.isnan(figures).any(axis=1)]
    return counted.mean(axis=0) if len(counted) else np.full(figures.shape[1], np.nan)
