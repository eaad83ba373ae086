"""On which images runs differ most, and what is right and wrong in each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..boxes import Boxes
from ..errors import InputError
from .matching import match_by_iou


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What is right and wrong, one-to-one as in :func:`confusion_matrix`.

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


def judge_boxes(truth: Boxes, found: Boxes, iou_threshold: float = 0.5) -> Verdicts:
    """Matches detections to true boxes by IoU, whatever their classes and scores.

    Counted by class, this is :func:`confusion_matrix`, which has the rule.

    Args:
        truth: Ground truth.
        found: Detections, all of which count.
        iou_threshold: In (0, 1].

    Raises:
        InputError: If ``iou_threshold`` is out of range.

    >>> box = {'image_id': 7, 'category_id': 0, 'bbox': [0, 0, 10, 10]}
    >>> truth = Boxes.from_coco({'annotations': [box]}, {0: 0})
    >>> found = Boxes.from_results([{**box, 'category_id': 1, 'score': 0.9}], {1: 1})
    >>> judge_boxes(truth, found)
    Verdicts(right=array([False]), wrong=array([ True]), missed=array([False]))
    """
    rows, true_rows = match_by_iou(truth, found, iou_threshold)
    other_class = found.label[rows] != truth.label[true_rows]
    crowd = truth.crowd[true_rows]
    right, wrong, missed = np.zeros(len(found), bool), np.ones(len(found), bool), ~truth.crowd
    right[rows] = ~other_class & ~crowd
    wrong[rows] = other_class & ~crowd
    missed[true_rows] = False
    return Verdicts(right, wrong, missed)


def choose_images(
    truth: Boxes, founds: Sequence[Boxes], thresholds: Sequence[float], count: int
) -> list[int]:
    """Images on which runs differ most in their number of errors, missed and wrong boxes together.

    Among equals, those with more errors of all runs together come first, then lower ids: of a
    single run, the images with most errors. Images without any box that counts are not chosen.

    Args:
        truth: Ground truth of all images.
        founds: Detections of each run.
        thresholds: Least confidence of a detection of each run that counts.
        count: How many images are chosen at most, >= 0.

    Returns:
        Image ids, at most ``count``.

    Raises:
        InputError: If there is no run or not a threshold for each, or ``count`` is negative.
    """
    if not founds or len(founds) != len(thresholds):
        raise InputError(
            'there must be detections of one run or more and a threshold for each, but there are '
            f'{len(founds)} and {len(thresholds)}'
        )
    if count < 0:
        raise InputError(f'count must be >= 0, but is {count}')
    counted = [found[found.score >= least] for found, least in zip(founds, thresholds, strict=True)]
    images = np.unique(np.concatenate([truth.image, *(found.image for found in counted)]))
    errors = np.array([_count_errors(images, truth, found) for found in counted])
    order = np.lexsort((images, -errors.sum(axis=0), errors.min(axis=0) - errors.max(axis=0)))
    return images[order[:count]].tolist()


def _count_errors(images: np.ndarray, truth: Boxes, found: Boxes) -> np.ndarray:
    """Number of errors in each image, ids ascending."""
    verdicts = judge_boxes(truth, found)
    wrong = np.concatenate([truth.image[verdicts.missed], found.image[verdicts.wrong]])
    return np.bincount(np.searchsorted(images, wrong), minlength=len(images))
