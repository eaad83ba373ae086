"""Finds the kind of error of each wrong detection, and the images with most errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..boxes import Boxes
from .matching import match, match_by_iou, overlapping_pairs

ErrorKind = Literal['duplicate', 'classification', 'localization', 'both', 'background']
"""Errors of detections, by TIDE's names; :func:`find_errors` has their rules."""

ERROR_KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)

_LEAST_OVERLAP = 0.1
"""TIDE's background threshold: below this IoU, two boxes are unrelated."""


@dataclass(frozen=True, eq=False)
class DetectionErrors:
    """The wrong detections, most confident first, and the missed boxes, largest first.

    Args:
        detection: Row of each wrong detection in the detections given, int64, shape (E,).
        kind: Its error, one of :data:`ERROR_KINDS`, str, shape (E,).
        truth: Row of the true box that is concerned, -1 for background, int64, shape (E,).
        iou: IoU with that box, 0 for background, float64, shape (E,).
        missed: Rows of the true boxes without a correct detection, int64, shape (M,).
    """

    detection: np.ndarray
    kind: np.ndarray
    truth: np.ndarray
    iou: np.ndarray
    missed: np.ndarray


def find_errors(truth: Boxes, detections: Boxes, score_threshold: float = 0.25) -> DetectionErrors:
    """Classifies each wrong detection by its kind of error.

    Detections are right or wrong by COCO's rule, see :func:`match`. A wrong one gets the first of
    these errors that applies. If several true boxes qualify, the one with the highest IoU counts:

    - duplicate: IoU >= 0.5 with a box of its class that another detection matches
    - classification: IoU >= 0.5 with a box of another class, matched or not
    - localization: 0.1 <= IoU < 0.5 with a box of its class
    - both: 0.1 <= IoU < 0.5 with a box of another class
    - background: no IoU >= 0.1 with any box

    These are the errors of `TIDE <https://arxiv.org/abs/2008.08115>`_, with two differences. TIDE
    calls a box missed only if no classification or localization error concerns it. And its code
    checks localization first: a 'bottle' exactly on a can that touches a bottle would be one.

    Crowds are never missed, and detections that match one are neither right nor wrong. Ties are
    resolved by the order of the boxes. Detections below ``score_threshold`` do not count.

    >>> box = {'image_id': 7, 'category_id': 0, 'bbox': [0, 0, 10, 10]}
    >>> truth = Boxes.from_coco({'annotations': [box]}, {0: 0})
    >>> detections = Boxes.from_results([{**box, 'category_id': 1, 'score': 0.9}], {1: 1})
    >>> errors = find_errors(truth, detections)
    >>> errors.kind.tolist(), errors.truth, errors.missed
    (['classification'], array([0]), array([0]))
    """
    counted = np.flatnonzero(detections.score >= score_threshold)
    limit = max(len(counted), 1)
    matches = match(truth, detections[counted], max_per_image=limit)
    wrong = np.sort(counted[matches.detection[matches.truth < 0]])
    wrong = wrong[np.argsort(-detections.score[wrong], kind='stable')]
    kind, partner, iou = _explain(truth, detections[wrong])
    is_matched = truth.crowd.copy()
    is_matched[matches.truth[matches.correct]] = True
    missed = np.flatnonzero(~is_matched)
    area = np.prod(truth.xyxy[missed, 2:] - truth.xyxy[missed, :2], axis=1)
    missed = missed[np.argsort(-area, kind='stable')]
    return DetectionErrors(wrong, np.array(ERROR_KINDS)[kind], partner, iou=iou, missed=missed)


def _explain(truth: Boxes, wrong: Boxes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index into ERROR_KINDS, row of the true box, and IoU of each wrong detection."""
    rows, true_rows, iou = overlapping_pairs(truth, wrong, _LEAST_OVERLAP, same_class=False)
    kinds = 2 * (iou < 0.5) + (wrong.label[rows] != truth.label[true_rows])
    order = np.lexsort((true_rows, -iou, kinds, rows))
    explained, first = np.unique(rows[order], return_index=True)
    best = order[first]
    kind = np.full(len(wrong), ERROR_KINDS.index('background'))
    partner = np.full(len(wrong), -1)
    overlap = np.zeros(len(wrong))
    kind[explained], partner[explained] = kinds[best], true_rows[best]
    overlap[explained] = iou[best]
    return kind, partner, overlap


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Right, wrong and missed boxes when matched by :func:`~.matching.match_by_iou`.

    A true box that was detected as another class is not missed, but its detection is wrong.
    A detection that only matches a crowd is neither right nor wrong, and crowds are never missed.

    Args:
        right: Which detections match a true box of their class, bool, shape (N,).
        wrong: Which detections match none, or one of another class, bool, shape (N,).
        missed: Which true boxes no detection matches, bool, shape (M,).
    """

    right: np.ndarray
    wrong: np.ndarray
    missed: np.ndarray


def judge_boxes(truth: Boxes, detections: Boxes) -> Verdicts:
    """Judges all boxes, by the same matching as :func:`~.curves.confusion_matrix`."""
    partner, missed = match_by_iou(truth, detections)
    crowd = np.append(truth.crowd, False)[partner]  # -1 takes the last
    right = (np.append(truth.label, -1)[partner] == detections.label) & ~crowd
    return Verdicts(right, ~right & ~crowd, missed)


def choose_images(
    truth: Boxes, runs: Sequence[Boxes], thresholds: Sequence[float], *, count: int
) -> list[int]:
    """Chooses images on which runs differ most in their number of errors (missed or wrong boxes).

    Ties go to the images with most errors in all runs together, then to lower ids. For a single
    run, these are the images with most errors. Images without any box that counts are not chosen.

    Args:
        truth: Ground truth of all images.
        runs: Detections of each run, of which there is at least one.
        thresholds: Confidence threshold of each run.
        count: Maximum number of images.

    Returns:
        Image ids, at most ``count``.
    """
    counted = [run[run.score >= least] for run, least in zip(runs, thresholds, strict=True)]
    images = np.unique(np.concatenate([truth.image, *(run.image for run in counted)]))
    verdicts = [judge_boxes(truth, run) for run in counted]
    faulty = [
        np.concatenate([truth.image[verdict.missed], run.image[verdict.wrong]])
        for run, verdict in zip(counted, verdicts, strict=True)
    ]
    errors = np.array(
        [np.bincount(np.searchsorted(images, some), minlength=len(images)) for some in faulty]
    )
    order = np.lexsort((images, -errors.sum(axis=0), errors.min(axis=0) - errors.max(axis=0)))
    return images[order[:count]].tolist()
