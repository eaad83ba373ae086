"""Merges the detections of overlapping views of an image."""

from typing import Literal

import numpy as np

from ...boxes import box_iou

Rule = Literal['nms', 'nmm']
Overlap = Literal['iou', 'ios']


def pairwise_overlap(boxes: np.ndarray, others: np.ndarray, overlap: Overlap) -> np.ndarray:
    """Intersection over union (``iou``), or over the smaller of both boxes (``ios``).

    Args:
        boxes: xyxy, shape (N, 4).
        others: xyxy, shape (M, 4).
        overlap: The measure.

    Returns:
        In [0, 1], shape (N, M); 0 where a box is empty.

    >>> pairwise_overlap(np.array([[0, 0, 4, 4]]), np.array([[2, 0, 4, 4]]), 'ios')
    array([[1.]])
    """
    if overlap == 'iou':
        return box_iou(boxes, others)
    # Of a crowd, the intersection is divided by the area of the other box alone.
    of_boxes = box_iou(boxes, others, np.ones(len(others), dtype=bool))
    of_others = box_iou(others, boxes, np.ones(len(boxes), dtype=bool))
    return np.maximum(of_boxes, of_others.T)


def merge_views(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    is_cut: np.ndarray,
    *,
    overlap: Overlap,
    threshold: float,
) -> list[np.ndarray]:
    """Groups the detections of one object in several views, greedily and class by class.

    The best detection that is left keeps its place and takes those of its class into its group that
    overlap it by more than the threshold. Boxes that the inner edge of a tile cuts give way: they
    come after all whole boxes, and join one that they overlap by ``ios``, since a part has a small
    IoU with its whole. The result does not depend on the order of the detections.

    Args:
        boxes: xyxy, shape (N, 4).
        scores: Shape (N,).
        labels: Shape (N,).
        is_cut: Whether an inner edge cuts the box, shape (N,).
        overlap: Measure of the overlap of whole boxes.
        threshold: Overlap above which two boxes are one object, in [0, 1].

    Returns:
        Row numbers of each group, its keeper first, in descending order of the keepers' scores.
    """
    order = np.lexsort((*boxes.T[::-1], labels, -scores, is_cut))
    groups = []
    for label in np.unique(labels):
        left = order[labels[order] == label]
        while len(left):
            keeper, others = left[0], left[1:]
            shared = pairwise_overlap(boxes[[keeper]], boxes[others], overlap)[0]
            parts = is_cut[others]
            if parts.any():
                by_part = pairwise_overlap(boxes[[keeper]], boxes[others[parts]], 'ios')[0]
                shared[parts] = np.maximum(shared[parts], by_part)
            joins = shared > threshold
            groups.append(left[np.r_[True, joins]])
            left = others[~joins]
    return sorted(groups, key=lambda group: (-scores[group[0]], *boxes[group[0]], labels[group[0]]))
