"""Compares what an exported file finds with what PyTorch finds."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from pycocotools import mask as rle

from ...coco import Coco
from ...evaluation.coco_scores import COCO_IOU, score_results
from ...runtime.prediction import Prediction

FLOOR = 0.05
"""Least score of the detections that are compared one by one."""


@dataclass(frozen=True)
class Bound:
    """By how much an export may differ from PyTorch.

    Args:
        pixels: Of an edge of a box, in the photograph; or ``relative``, whichever is more.
        relative: To the longest side of the photograph.
        score: Of a detection.
        mask_iou: Least overlap of its masks.
        unmatched: Share of the detections that need no counterpart within these.
        ap: Of COCO's AP.
    """

    pixels: float
    relative: float
    score: float
    mask_iou: float
    unmatched: float
    ap: float


# Not all need a counterpart: NMS drops either of two that tie.
BOUNDS = {
    'fp32': Bound(0.5, 0.0005, 0.001, mask_iou=0.9, unmatched=0.01, ap=0.002),
    'fp16': Bound(2.0, 0.005, 0.02, mask_iou=0.8, unmatched=0.02, ap=0.01),
    'int8': Bound(32.0, 0.05, 0.3, mask_iou=0.5, unmatched=0.3, ap=0.03),
}


@dataclass
class Comparison:
    """Differences between the detections of two sides, over photographs.

    Args:
        images: How many.
        detections: Those that were compared, of both sides.
        unmatched: Those of either side without a counterpart within the bound.
        pixels: Largest difference of an edge of those with a counterpart, in the photograph.
        score: Largest difference of the scores of those.
        mask_iou: Least overlap of the masks of those; None without masks.
        ap: COCO's AP of PyTorch and of the export; None without annotations.
        milliseconds: Median time for an image of PyTorch and of the export.
    """

    images: int = 0
    detections: int = 0
    unmatched: int = 0
    pixels: float = 0.0
    score: float = 0.0
    mask_iou: float | None = None
    ap: tuple[float, float] | None = None
    milliseconds: tuple[float, float] = (0.0, 0.0)
    times: list[tuple[float, float]] = field(default_factory=list)

    def add(self, reference: Prediction, exported: Prediction, bound: Bound) -> None:
        """Adds a photograph."""
        self.images += 1
        pairs = [(reference, exported), (exported, reference)]
        for is_second, (one, other) in enumerate(pairs):
            wanted = [row for row, box in enumerate(one['boxes']) if box[1] >= FLOOR + bound.score]
            self.detections += len(wanted)
            for row in wanted:
                self._find(row, one, other, bound, is_counted=not is_second)

    def _find(
        self, row: int, one: Prediction, other: Prediction, bound: Bound, *, is_counted: bool
    ) -> None:
        label, score, *box = one['boxes'][row]
        rivals = np.array([of[1:] for of in other['boxes'] if of[0] == label]).reshape(-1, 5)
        rows = [number for number, of in enumerate(other['boxes']) if of[0] == label]
        edges = np.abs(_xyxy(rivals[:, 1:]) - _xyxy(np.array([box]))).max(axis=1, initial=0)
        scores = np.abs(rivals[:, 0] - score)
        allowed = max(bound.pixels, bound.relative * max(one['size']))
        fits = np.flatnonzero((edges <= allowed) & (scores <= bound.score))
        if not len(fits):
            self.unmatched += 1
            return
        nearest = fits[np.argmin(edges[fits] / allowed + scores[fits] / bound.score)]
        self.pixels = max(self.pixels, float(edges[nearest]))
        self.score = max(self.score, float(scores[nearest]))
        if 'masks' in one and is_counted:
            overlap = _overlap(one['masks'][row], other['masks'][rows[nearest]])
            self.mask_iou = min(1.0 if self.mask_iou is None else self.mask_iou, overlap)
            self.unmatched += overlap < bound.mask_iou

    def judge(self, bound: Bound) -> list[str]:
        """Says in what it exceeds the bound; nothing if it does not."""
        if not self.detections:
            where = f'in {self.images} photographs; name others with --images'
            return [f'nothing was compared: no detection of {FLOOR} or more {where}']
        faults = []
        if self.unmatched > bound.unmatched * self.detections:
            share = f'{self.unmatched} of {self.detections} detections'
            masks = '' if self.mask_iou is None else f' and IoU {bound.mask_iou:g} of masks'
            faults.append(
                f'{share} have no counterpart within {bound.pixels:g} px (or '
                f'{bound.relative:g} of the longest side) and {bound.score:g} of the score{masks}'
            )
        if self.ap and abs(self.ap[0] - self.ap[1]) > bound.ap:
            faults.append(f'AP is {self.ap[1]:.4f} instead of {self.ap[0]:.4f}')
        return faults

    def to_dict(self) -> dict[str, Any]:
        """What the report holds."""
        return {key: value for key, value in asdict(self).items() if key != 'times'}


def _overlap(first: dict[str, Any], second: dict[str, Any]) -> float:
    """IoU of two masks; 1 if both are empty, as those of boxes of less than a pixel can be."""
    is_empty = not rle.area([first, second]).any()
    return 1.0 if is_empty else float(rle.iou([first], [second], [0])[0, 0])


def _xyxy(boxes: np.ndarray) -> np.ndarray:
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def compare(
    batches: Iterable[Callable[[], Sequence[Any]]],
    sides: Sequence[Callable[[Sequence[Any]], list[Prediction]]],
    bound: Bound,
    truth: tuple[Coco, Sequence[int]] | None,
) -> Comparison:
    """Predicts photographs with PyTorch and with an export, in turns.

    Args:
        batches: Each loads some photographs.
        sides: Predict a batch: PyTorch, and the export.
        bound: Within which detections are counterparts.
        truth: A COCO file and the id of the image of each photograph, to compare AP.
    """
    comparison = Comparison()
    found: tuple[list[Prediction], list[Prediction]] = ([], [])
    for load in batches:
        batch, seconds = load(), []
        for predict, predictions in zip(sides, found, strict=True):
            began = time.perf_counter()
            predictions += predict(batch)
            seconds.append(1000 * (time.perf_counter() - began) / len(batch))
        comparison.times.append((seconds[0], seconds[1]))
        for reference, exported in zip(*(of[-len(batch) :] for of in found), strict=True):
            comparison.add(reference, exported, bound)
    first, second = np.median(comparison.times[1:] or comparison.times, axis=0).tolist()
    comparison.milliseconds = first, second
    if truth is not None:
        coco, ids = truth
        comparison.ap = score(coco, ids, found[0]), score(coco, ids, found[1])
    return comparison


def score(coco: Coco, ids: Sequence[int], predictions: Sequence[Prediction]) -> float:
    """COCO's AP; categories are in the order of the labels."""
    categories = [category['id'] for category in coco['categories']]
    results = [
        {'image_id': image, 'category_id': categories[label], 'bbox': box, 'score': score}
        for image, prediction in zip(ids, predictions, strict=True)
        for label, score, *box in prediction['boxes']
    ]
    known = {**coco, 'images': [image for image in coco['images'] if image['id'] in set(ids)]}
    known['annotations'] = [row for row in coco['annotations'] if row['image_id'] in set(ids)]
    scores, _ = score_results(known, results, 'bbox', iou_thresholds=COCO_IOU, max_detections=[100])
    return scores.ap(COCO_IOU, 100)
