"""What is wrong with each wrong detection, and which images have most errors."""

from dataclasses import dataclass

import numpy as np

from ..boxes import Boxes
from .matching import match, overlapping_pairs

KINDS = ('duplicate', 'confused', 'badly located', 'confused, badly located', 'background')
"""Kinds of wrong detections; :func:`confident_errors` has their rules."""

_LEAST_OVERLAP = 0.1
"""IoU below which two boxes have nothing to do with each other; TIDE's."""


@dataclass(frozen=True, eq=False)
class DetectionErrors:
    """The wrong detections, most confident first, and the missed boxes, largest first.

    Args:
        found: Row of each wrong detection in the detections given, int64, shape (E,).
        kind: What is wrong with it, one of :data:`KINDS`, str, shape (E,).
        truth: Row of the true box that its kind is about, -1 for background, int64, shape (E,).
        iou: Its IoU with that box, 0 for background, float64, shape (E,).
        missed: Rows of the true boxes that no detection is correct for, int64, shape (M,).
    """

    found: np.ndarray
    kind: np.ndarray
    truth: np.ndarray
    iou: np.ndarray
    missed: np.ndarray


@dataclass(frozen=True, eq=False)
class ImageErrors:
    """Counts of each image that has boxes, from the worst image to the best.

    The worst has most errors, that is missed, confused and background together; among equals it
    has the lower F1, then the lower id.

    Args:
        image: Id, int64, shape (I,).
        correct: Correct detections, int64, shape (I,).
        missed: True boxes without a correct detection, int64, shape (I,).
        confused: Detections of the kind 'confused', int64, shape (I,).
        background: All other wrong detections, int64, shape (I,).
        f1: 2 correct / (2 correct + errors), 1 if there is nothing to find and nothing is found,
            float64, shape (I,).
    """

    image: np.ndarray
    correct: np.ndarray
    missed: np.ndarray
    confused: np.ndarray
    background: np.ndarray
    f1: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Number of errors of each image, int64, shape (I,)."""
        return self.missed + self.confused + self.background


def confident_errors(
    truth: Boxes, found: Boxes, score_threshold: float = 0.25, iou_threshold: float = 0.5
) -> DetectionErrors:
    """Finds what is wrong with each wrong detection.

    Detections are right or wrong by COCO's rule, see :func:`match`. A wrong one is of the first of
    these kinds that fits, and of several true boxes that fit, the one it overlaps most counts:

    - duplicate: IoU >= ``iou_threshold`` with a box of its class, which another detection found
    - confused: IoU >= ``iou_threshold`` with a box of another class, whether that is found or not
    - badly located: 0.1 <= IoU < ``iou_threshold`` with a box of its class
    - confused, badly located: the same with a box of another class
    - background: no IoU >= 0.1 with any box

    These are the kinds of `TIDE <https://arxiv.org/abs/2008.08115>`_, which however calls a box
    missed only if no confused or badly located detection is about it, and whose code tests for bad
    location first: 'bottle' right on a can would be a badly located bottle if one touches the can.

    Crowds are never missed, and detections that match one are neither right nor wrong. Equals go
    by the order in which boxes are given.

    Args:
        truth: Ground truth.
        found: Detections.
        score_threshold: Least confidence of a detection that counts.
        iou_threshold: In (0, 1].

    Raises:
        InputError: If ``iou_threshold`` is out of range.

    >>> box = {'image_id': 7, 'category_id': 0, 'bbox': [0, 0, 10, 10]}
    >>> truth = Boxes.from_coco({'annotations': [box]}, {0: 0})
    >>> found = Boxes.from_results([{**box, 'category_id': 1, 'score': 0.9}], {1: 1})
    >>> errors = confident_errors(truth, found)
    >>> errors.kind.tolist(), errors.truth, errors.missed
    (['confused'], array([0]), array([0]))
    """
    counted = np.flatnonzero(found.score >= score_threshold)
    matches = match(truth, found[counted], iou_threshold, max_per_image=max(len(counted), 1))
    wrong = np.sort(counted[matches.found[matches.truth < 0]])
    wrong = wrong[np.argsort(-found.score[wrong], kind='stable')]
    kind, partner, iou = _explain(truth, found[wrong], iou_threshold)
    is_found = truth.crowd.copy()
    is_found[matches.truth[matches.correct]] = True
    missed = np.flatnonzero(~is_found)
    area = np.prod(truth.xyxy[missed, 2:] - truth.xyxy[missed, :2], axis=1)
    missed = missed[np.argsort(-area, kind='stable')]
    return DetectionErrors(wrong, np.array(KINDS)[kind], partner, iou, missed)


def image_errors(
    truth: Boxes, found: Boxes, score_threshold: float = 0.25, iou_threshold: float = 0.5
) -> ImageErrors:
    """Counts what is right and wrong in each image; arguments as for :func:`confident_errors`.

    Correct and missed detections add up to the true boxes that are no crowds. An object detected
    as another class is two errors, a confused detection and a missed box, as it is for F1. An
    image with neither true boxes nor detections that count is not in the result.

    Raises:
        InputError: If ``iou_threshold`` is out of range.
    """
    errors = confident_errors(truth, found, score_threshold, iou_threshold)
    counted = found.image[found.score >= score_threshold]
    image = np.unique(np.concatenate([truth.image, counted]))
    confused = errors.kind == 'confused'
    columns = (
        truth.image[~truth.crowd],
        truth.image[errors.missed],
        found.image[errors.found[confused]],
        found.image[errors.found[~confused]],
    )
    total, missed, confused, background = (
        np.bincount(np.searchsorted(image, ids), minlength=len(image)) for ids in columns
    )
    correct = total - missed
    wrong = missed + confused + background
    f1 = np.where(wrong > 0, 2 * correct / np.maximum(2 * correct + wrong, 1), 1.0)
    order = np.lexsort((image, f1, -wrong))
    return ImageErrors(*(c[order] for c in (image, correct, missed, confused, background, f1)))


def _explain(
    truth: Boxes, wrong: Boxes, iou_threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kind, row of the true box, and IoU of each wrong detection."""
    least = min(_LEAST_OVERLAP, iou_threshold)
    rows, true_rows, iou = overlapping_pairs(truth, wrong, least, same_class=False)
    fits = iou >= min(iou_threshold, 1 - 1e-10)  # as overlapping_pairs has it
    other_class = wrong.label[rows] != truth.label[true_rows]
    kinds = 2 * ~fits + other_class  # places in KINDS
    order = np.lexsort((true_rows, -iou, kinds, rows))
    explained, first = np.unique(rows[order], return_index=True)
    best = order[first]
    kind = np.full(len(wrong), KINDS.index('background'))
    partner = np.full(len(wrong), -1)
    overlap = np.zeros(len(wrong))
    kind[explained], partner[explained] = kinds[best], true_rows[best]
    overlap[explained] = iou[best]
    return kind, partner, overlap
