"""Non-maximum suppression, with the indices that mmcv's compiled CPU op returns."""

import numpy as np
import torch
from torch import Tensor

from .torchvision_ops import torchvision_ops

# Boxes that are compared with all lower-scoring ones at once. Memory is a few arrays of
# BLOCK x N; a larger block wastes work where most boxes are suppressed.
BLOCK = 128


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Greedy non-maximum suppression.

    A box falls if its IoU with a kept box of a higher score exceeds the threshold. A box with a
    NaN neither falls nor suppresses. Equal scores rank as ``torch.sort`` leaves them.

    Args:
        boxes: ``xyxy``, any float dtype, shape (N, 4).
        scores: Shape (N,).
        iou_threshold: Is rounded to float32, as mmcv does: 0.3 becomes 0.3000000119.
        offset: 0, or 1 where ``x2`` and ``y2`` are the last pixels of the box.

    Returns:
        Indices of the kept boxes by descending score, int64, shape (K,).

    >>> boxes = torch.tensor([[0.0, 0, 9, 10], [0, 0, 10, 10], [20, 20, 30, 30]])
    >>> nms(boxes, torch.tensor([0.8, 0.9, 0.7]), iou_threshold=0.5, offset=0)
    tensor([1, 2])
    """
    if boxes.dtype != torch.float64:
        boxes = boxes.float()
    iou_threshold = float(np.float32(iou_threshold))
    order = scores.sort(0, descending=True)[1]
    ops = torchvision_ops()
    if ops is not None and offset == 0:
        # Ranks in place of scores, as torchvision's own sort may order equal scores otherwise.
        ranks = torch.arange(len(boxes), device=boxes.device)
        return order[ops.nms(boxes[order], -ranks.to(boxes.dtype), iou_threshold)]
    # NumPy, as torch's threads wait for each other at every step where the cores are busy.
    ranked = order.cpu().numpy()
    kept = _suppress(boxes.detach().cpu().numpy()[ranked], iou_threshold, offset)
    return torch.from_numpy(ranked[kept]).to(order.device)


@np.errstate(all='ignore')
def _suppress(boxes: np.ndarray, threshold: float, offset: int) -> np.ndarray:
    """Ranks of the kept boxes, ascending, of ``boxes`` by descending score, shape (N, 4)."""
    x1, y1, x2, y2 = boxes.T
    columns = np.stack([x1, y1, x2, y2, (x2 - x1 + offset) * (y2 - y1 + offset)])
    scratch = np.empty((3, BLOCK * max(BLOCK, len(boxes))), boxes.dtype)
    alive = np.arange(len(boxes))
    kept = [alive[:0]]
    while len(alive):
        head, tail = columns[:, :BLOCK], columns[:, BLOCK:]
        is_kept = _suppress_block(_iou(head, head, offset, scratch) > threshold)
        kept.append(alive[:BLOCK][is_kept])
        overlap = _iou(head[:, is_kept], tail, offset, scratch) > threshold
        rest = np.flatnonzero(~overlap.any(0))
        alive, columns = alive[BLOCK:][rest], tail[:, rest]
    return np.concatenate(kept)


def _suppress_block(overlap: np.ndarray) -> np.ndarray:
    """Which boxes stay, bool, shape (B,), given who overlaps whom, bool, shape (B, B)."""
    falls = np.triu(overlap, 1)
    is_kept = np.ones(len(overlap), dtype=bool)
    for i in np.flatnonzero(falls.any(1)):
        if is_kept[i]:
            is_kept &= ~falls[i]
    return is_kept


def _iou(a: np.ndarray, b: np.ndarray, offset: int, scratch: np.ndarray) -> np.ndarray:
    """IoU of all pairs.

    The arithmetic is mmcv's, step by step: an IoU at the threshold must round as it does there.

    Args:
        a: x1, y1, x2, y2 and area, shape (5, A).
        b: The same, shape (5, B).
        offset: What is added to widths and heights.
        scratch: Is overwritten, shape (3, A * B) or more.

    Returns:
        Shape (A, B), in ``scratch``.
    """
    a = a[:, :, None]
    shape = (a.shape[1], b.shape[1])
    width, height, start = (row[: shape[0] * shape[1]].reshape(shape) for row in scratch)
    for extent, low, high in ((width, 0, 2), (height, 1, 3)):
        np.minimum(a[high], b[high], out=extent)
        extent -= np.maximum(a[low], b[low], out=start)
        extent += offset
        np.maximum(extent, 0, out=extent)
    inter = np.multiply(width, height, out=width)
    union = np.add(a[4], b[4], out=height)
    union -= inter
    return np.divide(inter, union, out=inter)
