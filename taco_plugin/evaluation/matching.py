"""Which detection found which true box, by COCO's rule."""

from dataclasses import dataclass

import numpy as np

from ..boxes import Boxes, check_labels, paired_iou
from ..errors import InputError

_PAIRS_AT_ONCE = 1_000_000
"""Bounds the memory while overlaps are computed: some 200 bytes a pair."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Detections by class, in each from the most to the least confident, and what they matched.

    Args:
        found: Row of each detection in the detections given, int64, shape (D,).
        truth: Row of the true box or crowd that it matches, -1 for none, int64, shape (D,).
        label: Its class, ascending, int64, shape (D,).
        score: Its confidence, within a class descending, float64, shape (D,).
        ignored: Whether it matches a crowd, and thus is neither right nor wrong, bool, shape (D,).
        truth_label: Class of each true box that is no crowd, int64, shape (G,).
    """

    found: np.ndarray
    truth: np.ndarray
    label: np.ndarray
    score: np.ndarray
    ignored: np.ndarray
    truth_label: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """Whether each detection is a true positive, bool, shape (D,)."""
        return (self.truth >= 0) & ~self.ignored

    def true_boxes(self, num_classes: int) -> np.ndarray:
        """Number of true boxes of each class, int64, shape (num_classes,).

        Raises:
            InputError: If a label is not in [0, num_classes).
        """
        check_labels('truth', self.truth_label, num_classes)
        check_labels('found', self.label, num_classes)
        return np.bincount(self.truth_label, minlength=num_classes)


def match(
    truth: Boxes, found: Boxes, iou_threshold: float = 0.5, max_per_image: int = 100
) -> Matches:
    """Matches detections to ground truth as COCO's evaluation does.

    In each image and class, one detection after the other, from the most confident to the least,
    takes the free true box that it overlaps most, by ``iou_threshold`` or more. One that gets none
    is wrong, unless it overlaps a crowd so much: a crowd matches any number of detections, which
    are ignored, and is not itself to be found. Equals go by the order in which they are given:
    detections of one confidence in one image the first first, of true boxes that are overlapped
    equally the last first.

    Args:
        truth: Ground truth.
        found: Detections; in an image without ground truth they are wrong.
        iou_threshold: In (0, 1].
        max_per_image: How many detections of each image and class count, the most confident ones;
            the others are not in the result.

    Raises:
        InputError: If ``iou_threshold`` or ``max_per_image`` is out of range.

    >>> labels = {1: 0}
    >>> box = {'image_id': 7, 'category_id': 1, 'bbox': [0, 0, 10, 10]}
    >>> truth = Boxes.from_coco({'annotations': [box]}, labels)
    >>> twice = Boxes.from_results([{**box, 'score': 0.6}, {**box, 'score': 0.9}], labels)
    >>> matches = match(truth, twice)
    >>> matches.found, matches.correct
    (array([1, 0]), array([ True, False]))
    """
    if max_per_image < 1:
        raise InputError(f'max_per_image must be >= 1, but is {max_per_image}')
    order = np.lexsort((found.image, -found.score, found.label))  # stable
    order = order[_rank_in_image(found[order]) < max_per_image]
    kept = found[order]
    rows, true_rows, iou = overlapping_pairs(truth, kept, iou_threshold, same_class=True)
    crowd = truth.crowd[true_rows]
    preference = np.lexsort((-true_rows, -iou, crowd, rows))
    rows, true_rows = rows[preference], true_rows[preference]
    taken = assign(rows, true_rows, truth.crowd)
    matched = np.full(len(kept), -1)
    matched[rows[taken]] = true_rows[taken]
    ignored = np.zeros(len(kept), dtype=bool)
    ignored[rows[taken]] = truth.crowd[true_rows[taken]]
    return Matches(order, matched, kept.label, kept.score, ignored, truth.label[~truth.crowd])


def match_by_iou(truth: Boxes, found: Boxes, iou_threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Matches one-to-one whatever the classes, from the pair that overlaps most to the least.

    Of pairs that overlap equally, one of a single class comes first, then the more confident
    detection, then the order given. Crowds come last, and match any number of detections.

    Args:
        truth: Ground truth.
        found: Detections, all of which count.
        iou_threshold: In (0, 1].

    Returns:
        Row of the detection and row of the true box of each match, each of shape (P,).

    Raises:
        InputError: If ``iou_threshold`` is out of range.
    """
    rows, true_rows, iou = overlapping_pairs(truth, found, iou_threshold, same_class=False)
    other_class = found.label[rows] != truth.label[true_rows]
    crowd = truth.crowd[true_rows]
    order = np.lexsort((true_rows, rows, -found.score[rows], other_class, -iou, crowd))
    taken = order[assign(rows[order], true_rows[order], truth.crowd)]
    return rows[taken], true_rows[taken]


def overlapping_pairs(
    truth: Boxes, found: Boxes, iou_threshold: float, same_class: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of a detection and a true box of its image that overlap enough.

    Args:
        truth: Ground truth.
        found: Detections.
        iou_threshold: Least IoU of a pair, in (0, 1]; for a crowd, see :func:`box_iou`.
        same_class: Whether both must be of one class.

    Returns:
        Row of the detection, row of the true box, and their IoU, each of shape (P,); the rows of
        the detections ascend.

    Raises:
        InputError: If ``iou_threshold`` is out of range.
    """
    if not 0 < iou_threshold <= 1:
        raise InputError(f'iou_threshold must be in (0, 1], but is {iou_threshold}')
    least = min(iou_threshold, 1 - 1e-10)  # COCO's allowance for rounding
    true_group, group = _group(truth, found, same_class)
    by_group = np.argsort(true_group, kind='stable')
    first = np.searchsorted(true_group[by_group], group, side='left')
    count = np.searchsorted(true_group[by_group], group, side='right') - first
    before = np.cumsum(count) - count
    breaks = np.flatnonzero(np.diff(before // _PAIRS_AT_ONCE)) + 1
    parts = []
    for rows in np.split(np.arange(len(found)), breaks):
        pair = np.repeat(rows, count[rows])
        offset = np.arange(len(pair)) - (before[pair] - before[rows[:1]])
        partner = by_group[first[pair] + offset]
        iou = paired_iou(found.xyxy[pair], truth.xyxy[partner], truth.crowd[partner])
        enough = iou >= least
        parts.append((pair[enough], partner[enough], iou[enough]))
    rows, true_rows, iou = (np.concatenate(column) for column in zip(*parts, strict=True))
    return rows, true_rows, iou


def assign(rows: np.ndarray, true_rows: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Goes through pairs in their order and takes each whose two boxes are both free.

    Args:
        rows: Row of the detection of each pair, shape (P,).
        true_rows: Row of the true box of each pair, shape (P,).
        crowd: Which true boxes are crowds, and thus always free, shape (M,).

    Returns:
        Positions of the pairs taken, ascending.

    >>> assign(np.array([0, 0, 1, 1]), np.array([3, 4, 3, 4]), np.zeros(5, dtype=bool))
    array([0, 3])
    """
    crowds = set(np.flatnonzero(crowd).tolist())
    used: set[int] = set()
    used_truth: set[int] = set()
    taken = []
    pairs = zip(rows.tolist(), true_rows.tolist(), strict=True)
    for position, (row, true_row) in enumerate(pairs):
        if row in used or true_row in used_truth:
            continue
        used.add(row)
        if true_row not in crowds:
            used_truth.add(true_row)
        taken.append(position)
    return np.array(taken, dtype=np.int64)


def _rank_in_image(found: Boxes) -> np.ndarray:
    """How many detections of the same image and class come before each."""
    order = np.lexsort((found.label, found.image))
    image, label = found.image[order], found.label[order]
    begins = np.append(True, (np.diff(image) != 0) | (np.diff(label) != 0))[: len(found)]
    position = np.arange(len(found))
    rank = np.empty(len(found), dtype=np.int64)
    rank[order] = position - np.maximum.accumulate(np.where(begins, position, 0))
    return rank


def _group(truth: Boxes, found: Boxes, same_class: bool) -> tuple[np.ndarray, np.ndarray]:
    """A number for each box that two share if they may be paired."""
    group = np.unique(np.concatenate([truth.image, found.image]), return_inverse=True)[1]
    if same_class:
        label = np.concatenate([truth.label, found.label])
        group = group * (label.max(initial=0) + 1) + label
    return group[: len(truth)], group[len(truth) :]
