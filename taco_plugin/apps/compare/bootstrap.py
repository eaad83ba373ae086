"""How AP50 varies with the choice of the test images."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from ...boxes import Boxes
from ...evaluation.curves import RECALLS
from ...evaluation.matching import match


def draw_images(count: int, samples: int, seed: int = 0) -> np.ndarray:
    """Draws images with replacement, as many as there are.

    Args:
        count: Number of images, I.
        samples: Number of samples, S.
        seed: The same seed draws the same.

    Returns:
        How often each image is in each sample, int64, shape (I, S).
    """
    random = np.random.default_rng(seed)
    return random.multinomial(count, np.full(count, 1 / count), size=samples).T


def resampled_ap50(
    truth: Boxes, detections: Boxes, num_classes: int, *, images: Sequence[int], counts: np.ndarray
) -> np.ndarray:
    """COCO's mAP50 on samples of the images, in which an image may be several times.

    Args:
        truth: Ground truth.
        detections: Of one detector.
        num_classes: K.
        images: Ids of I images.
        counts: How often each image is in each of S samples, shape (I, S).

    Returns:
        Means over the classes that have true boxes in the sample, in [0, 1], float64, shape (S,);
        NaN where no class has.
    """
    matches = match(truth, detections)
    order = np.argsort(images)

    def find(ids: np.ndarray) -> np.ndarray:
        """The places of images in ``images``."""
        return order[np.searchsorted(images, ids, sorter=order)]

    scores = np.full((num_classes, counts.shape[1]), np.nan)
    true_image, found_image = find(truth.image[~truth.crowd]), find(detections.image)
    for label in np.unique(matches.truth_label):
        total = counts[true_image[matches.truth_label == label]].sum(axis=0)
        rows = np.flatnonzero((matches.label == label) & ~matches.ignored)
        image = found_image[matches.detection[rows]]
        scores[label] = _average_precision(matches.correct[rows], image, counts, total=total)
    known = ~np.isnan(scores)
    mean = np.full(counts.shape[1], np.nan)
    sums = np.where(known, scores, 0).sum(axis=0)
    return np.divide(sums, known.sum(axis=0), out=mean, where=known.any(axis=0))


def _average_precision(
    correct: np.ndarray, image: np.ndarray, counts: np.ndarray, *, total: np.ndarray
) -> np.ndarray:
    """AP of one class in each sample, NaN where it has no true boxes.

    Args:
        correct: Whether each detection is right, from the most to the least confident, shape (D,).
        image: Place of its image, shape (D,).
        counts: How often each image is in each sample, shape (I, S).
        total: Number of true boxes in each sample, shape (S,).
    """
    right_rows = np.flatnonzero(correct)
    # Precision is highest at the right detections: those between two of them are counted together.
    upto = np.searchsorted(right_rows, np.arange(len(correct)))
    counted = upto < len(right_rows)
    places = upto[counted], image[counted]
    between = csr_array((np.ones(counted.sum()), places), shape=(len(right_rows), len(counts)))
    detected = np.cumsum(between @ counts, axis=0)
    right = np.cumsum(counts[image[right_rows]], axis=0)
    precision = np.maximum.accumulate((right / np.maximum(detected, 1))[::-1])[::-1]
    recall = right / np.maximum(total, 1)
    scores = np.full(len(total), np.nan)
    for sample in np.flatnonzero(total).tolist():
        reached = np.searchsorted(recall[:, sample], RECALLS)
        scores[sample] = np.append(precision[:, sample], 0.0)[reached].mean()
    return scores
