"""Matches detections to true boxes, by COCO's rule or by IoU alone."""

from dataclasses import dataclass

import numpy as np

from ..boxes import Boxes, box_iou
from ..errors import InputError


@dataclass(frozen=True, eq=False)
class Matches:
    """Detections sorted by class, then by descending confidence, and what they matched.

    Args:
        detection: Row of each detection in the input, int64, shape (D,).
        truth: Row of the true box or crowd that it matches, -1 for none, int64, shape (D,).
        label: Its class, ascending, int64, shape (D,).
        score: Its confidence, descending within a class, float64, shape (D,).
        ignored: Whether it matches a crowd, and thus is neither right nor wrong, bool, shape (D,).
        truth_label: Class of each true box that is not a crowd, int64, shape (G,).
    """

    detection: np.ndarray
    truth: np.ndarray
    label: np.ndarray
    score: np.ndarray
    ignored: np.ndarray
    truth_label: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """Whether each detection is a true positive, bool, shape (D,)."""
        return (self.truth >= 0) & ~self.ignored


def match(
    truth: Boxes, detections: Boxes, iou_threshold: float = 0.5, *, max_per_image: int = 100
) -> Matches:
    """Matches detections to ground truth as COCO's evaluation does.

    In each image and class, detections are matched greedily, from the most to the least confident.
    Each takes the unmatched true box with the highest IoU, which must be at least
    ``iou_threshold``. One without match is wrong, unless it overlaps a crowd that much. A crowd
    matches any number of detections, which are ignored, and need not be detected itself. Of
    detections with equal confidence in an image, the first goes first; of true boxes with equal
    IoU, the last is taken.

    Args:
        truth: Ground truth.
        detections: Detections; in an image without ground truth they are wrong.
        iou_threshold: In (0, 1].
        max_per_image: Limit of the detections per image and class; those with lower confidence are
            not in the result.

    Raises:
        InputError: If ``iou_threshold`` is out of range.

    >>> labels = {1: 0}
    >>> box = {'image_id': 7, 'category_id': 1, 'bbox': [0, 0, 10, 10]}
    >>> truth = Boxes.from_coco({'annotations': [box]}, labels)
    >>> twice = Boxes.from_results([{**box, 'score': 0.6}, {**box, 'score': 0.9}], labels)
    >>> matches = match(truth, twice)
    >>> matches.detection, matches.correct
    (array([1, 0]), array([ True, False]))
    """
    order = np.lexsort((detections.image, -detections.score, detections.label))  # stable
    order = order[_rank_in_image(detections[order]) < max_per_image]
    kept = detections[order]
    rows, true_rows, iou = overlapping_pairs(truth, kept, iou_threshold, same_class=True)
    crowd = truth.crowd[true_rows]
    preference = np.lexsort((-true_rows, -iou, crowd, rows))
    rows, true_rows = rows[preference], true_rows[preference]
    taken = _assign(rows, true_rows, truth.crowd)
    matched = np.full(len(kept), -1)
    matched[rows[taken]] = true_rows[taken]
    ignored = np.append(truth.crowd, False)[matched]  # -1 takes the last
    return Matches(order, matched, kept.label, kept.score, ignored, truth.label[~truth.crowd])


def match_by_iou(truth: Boxes, detections: Boxes) -> tuple[np.ndarray, np.ndarray]:
    """Matches boxes one-to-one regardless of class, in descending order of IoU.

    Pairs with IoU >= 0.5 are matched. Of pairs with equal IoU, those of one class come first, then
    those with the more confident detection, then those given first. Crowds come last, and match
    any number of detections.

    Returns:
        Row of the true box or crowd of each detection, -1 for none, int64, shape (D,); and which
        true boxes have no detection, bool, shape (G,), false for crowds.
    """
    rows, true_rows, iou = overlapping_pairs(truth, detections, 0.5, same_class=False)
    other_class = detections.label[rows] != truth.label[true_rows]
    crowd = truth.crowd[true_rows]
    order = np.lexsort((true_rows, rows, -detections.score[rows], other_class, -iou, crowd))
    taken = order[_assign(rows[order], true_rows[order], truth.crowd)]
    partner = np.full(len(detections), -1)
    partner[rows[taken]] = true_rows[taken]
    missed = ~truth.crowd
    missed[true_rows[taken]] = False
    return partner, missed


def overlapping_pairs(
    truth: Boxes, detections: Boxes, iou_threshold: float, *, same_class: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds all pairs of a detection and a true box of its image with sufficient IoU.

    For a crowd, the IoU is computed as in :func:`box_iou`.

    Returns:
        Row of the detection, row of the true box, and their IoU, each of shape (P,); the rows of
        the detections ascend.

    Raises:
        InputError: If ``iou_threshold`` is out of range.
    """
    if not 0 < iou_threshold <= 1:
        raise InputError(f'iou_threshold must be in (0, 1], but is {iou_threshold}')
    least = min(iou_threshold, 1 - 1e-10)  # COCO's allowance for rounding
    of_image = _rows_of_images(detections)
    parts = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
    for image, true_rows in _rows_of_images(truth).items():
        rows = of_image.get(image, ())
        if len(rows):
            some = truth.crowd[true_rows]
            iou = box_iou(detections.xyxy[rows], truth.xyxy[true_rows], some)
            enough = iou >= least
            if same_class:
                enough &= detections.label[rows][:, None] == truth.label[true_rows]
            row, column = np.nonzero(enough)
            parts.append((rows[row], true_rows[column], iou[enough]))
    rows, true_rows, iou = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(rows, kind='stable')
    return rows[order], true_rows[order], iou[order]


def _rows_of_images(boxes: Boxes) -> dict[int, np.ndarray]:
    """Image id -> its rows, ascending."""
    order = np.argsort(boxes.image, kind='stable')
    images, first = np.unique(boxes.image[order], return_index=True)
    return dict(zip(images.tolist(), np.split(order, first[1:]), strict=False))


def _assign(rows: np.ndarray, true_rows: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Indices of the pairs whose boxes are both unmatched in their turn; crowds always are."""
    used: set[int] = set()
    used_truth: set[int] = set()
    taken = []
    pairs = zip(rows.tolist(), true_rows.tolist(), crowd[true_rows].tolist(), strict=True)
    for position, (row, true_row, is_crowd) in enumerate(pairs):
        if row not in used and true_row not in used_truth:
            used.add(row)
            if not is_crowd:
                used_truth.add(true_row)
            taken.append(position)
    return np.array(taken, dtype=np.int64)


def _rank_in_image(detections: Boxes) -> np.ndarray:
    """Number of earlier detections of the same image and class, for each detection."""
    order = np.lexsort((detections.label, detections.image))
    image, label = detections.image[order], detections.label[order]
    begins = np.append(True, (np.diff(image) != 0) | (np.diff(label) != 0))[: len(detections)]
    position = np.arange(len(detections))
    rank = np.empty(len(detections), dtype=np.int64)
    rank[order] = position - np.maximum.accumulate(np.where(begins, position, 0))
    return rank
