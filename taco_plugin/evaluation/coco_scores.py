"""COCO's precision and recall, as faster-coco-eval computes them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partialmethod
from typing import Any, Literal

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from faster_coco_eval.core import mask

from ..boxes import SIZES
from ..coco import Coco
from ..errors import InputError

IouType = Literal['bbox', 'segm']

COCO_IOU: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""IoU thresholds that COCO's AP averages over."""

_EVERY_SIZE = {'all': (0.0, 1e10), **SIZES}
_GEOMETRY = {'bbox': 'bbox', 'segm': 'segmentation'}


@dataclass(frozen=True, eq=False)
class CocoScores:
    """Scores of K classes, in [0, 1], or -1 if a class has no ground truth of that size.

    Args:
        precision: At COCO's 101 recall points, shape (T, 101, K, A, M).
        recall: Highest recall reached, shape (T, K, A, M).
        iou_thresholds: T thresholds, ascending.
        sizes: A sizes, each ``all`` or a key of :data:`SIZES`.
        max_detections: M limits of the detections per image and class, ascending.
    """

    precision: np.ndarray
    recall: np.ndarray
    iou_thresholds: tuple[float, ...]
    sizes: tuple[str, ...]
    max_detections: tuple[int, ...]

    @property
    def num_classes(self) -> int:
        """Number of classes, K."""
        return self.precision.shape[2]

    def average(
        self,
        scores: Literal['precision', 'recall'],
        iou: Iterable[float],
        max_detections: int,
        size: str = 'all',
        *,
        label: int | None = None,
    ) -> float:
        """Average precision or recall, for which :meth:`ap` and :meth:`ar` are short.

        Args:
            scores: What is averaged.
            iou: Thresholds to average over.
            max_detections: Limit of the detections per image and class.
            size: Size of the true boxes that count.
            label: Index of the class; all classes by default.

        Returns:
            Mean over thresholds and classes; -1 if there is no ground truth.

        Raises:
            ValueError: If a threshold, ``max_detections`` or ``size`` was not evaluated.
        """
        rows = [self.iou_thresholds.index(threshold) for threshold in iou]
        place = self.sizes.index(size), self.max_detections.index(max_detections)
        table = getattr(self, scores)[rows][..., *place]
        counted = table if label is None else table[..., label]
        counted = counted[counted > -1]
        return float(counted.mean()) if counted.size else -1.0

    ap = partialmethod(average, 'precision')
    ar = partialmethod(average, 'recall')


def score_results(
    truth: Coco,
    results: Sequence[Mapping[str, Any]],
    iou_type: IouType,
    *,
    iou_thresholds: Iterable[float],
    max_detections: Iterable[int],
    area_factors: Mapping[int, float] | None = None,
) -> tuple[CocoScores, CocoScores | None]:
    """Scores results by COCO's rules; neither they nor the ground truth are changed.

    Classes are in the ascending order of the category ids.

    Args:
        truth: COCO file; every annotation needs ``area`` in square pixels, and ``bbox`` or, for
            ``segm``, ``segmentation``. A missing ``iscrowd`` counts as 0.
        results: COCO results of boxes or, for ``segm``, of masks as RLE.
        iou_type: Whether boxes or masks are compared.
        iou_thresholds: Each in (0, 1].
        max_detections: Limits of the detections per image and class.
        area_factors: Image id -> factor that converts areas in the image to those at the network's
            input.

    Returns:
        The scores, and the scores of small, medium and large boxes by their size at the network's
        input, for the highest of ``max_detections``; None if ``area_factors`` is None.

    Raises:
        InputError: If an annotation lacks ``area``, its box or its mask, a score is not finite, or
            an annotation or a result refers to an image that ``truth`` lacks.
    """
    geometry = _GEOMETRY[iou_type]
    _check(truth, results, geometry)
    true_areas = [row['area'] for row in truth['annotations']]
    if iou_type == 'bbox':
        areas = [row['bbox'][2] * row['bbox'][3] for row in results]
    else:
        areas = mask.area([row[geometry] for row in results]).tolist() if results else []
    evaluator = COCOeval_faster(
        _index(truth, truth['annotations'], true_areas, geometry=geometry),
        _index(truth, results, areas, geometry=geometry),
        iou_type,
    )
    thresholds, limits = sorted(set(iou_thresholds)), sorted(set(max_detections))
    scores = _evaluate(evaluator, thresholds, limits, sizes=_EVERY_SIZE)
    if area_factors is None:
        return scores, None
    for coco in (evaluator.cocoGt, evaluator.cocoDt):
        for annotation in coco.dataset['annotations']:
            annotation['area'] *= area_factors[annotation['image_id']]
    rescaled = COCOeval_faster(evaluator.cocoGt, evaluator.cocoDt, iou_type)
    # IoUs do not depend on the scale, nor their order on the size, so they are reused.
    rescaled.computeIoU = lambda image, category: evaluator.ious[image, category]
    return scores, _evaluate(rescaled, thresholds, limits[-1:], sizes=SIZES)


def _evaluate(
    evaluator: COCOeval_faster,
    iou_thresholds: Sequence[float],
    max_detections: Sequence[int],
    *,
    sizes: Mapping[str, tuple[float, float]],
) -> CocoScores:
    evaluator.params.iouThrs = np.array(iou_thresholds)
    evaluator.params.maxDets = list(max_detections)
    evaluator.params.areaRng = [[float(least), float(most)] for least, most in sizes.values()]
    evaluator.params.areaRngLbl = list(sizes)
    evaluator.evaluate()
    evaluator.accumulate()
    return CocoScores(
        precision=evaluator.eval['precision'],
        recall=evaluator.eval['recall'],
        iou_thresholds=tuple(iou_thresholds),
        sizes=tuple(sizes),
        max_detections=tuple(max_detections),
    )


def _index(
    truth: Coco, rows: Sequence[Mapping[str, Any]], areas: Sequence[float], *, geometry: str
) -> COCO:
    """Indexes results like ``loadRes``, but without making a polygon for each box.

    Ids are renumbered from 1, because 0 means "no match" to the library.
    """
    annotations = [
        {
            'id': number,
            'image_id': row['image_id'],
            'category_id': row['category_id'],
            'iscrowd': row.get('iscrowd', 0),
            'score': row.get('score'),
            'area': area,
            geometry: row[geometry],
        }
        for number, (row, area) in enumerate(zip(rows, areas, strict=True), start=1)
    ]
    sections = {section: truth[section] for section in ('images', 'categories')}
    return COCO({**sections, 'annotations': annotations})


def _check(truth: Coco, results: Sequence[Mapping[str, Any]], geometry: str) -> None:
    """Refuses what the library would take for 0 (missing keys) or drop (unknown images)."""
    for number, row in enumerate(truth['annotations']):
        area = row.get('area')
        if not isinstance(area, int | float) or not math.isfinite(area):
            raise InputError(f'area must be a finite number, but annotation {number} has {area}')
        if not row.get(geometry):
            raise InputError(f'{geometry} must not be empty, but annotation {number} has none')
    for number, row in enumerate(results):
        if not math.isfinite(row['score']):
            raise InputError(f'score must be finite, but result {number} has {row["score"]}')
    known = {image['id'] for image in truth['images']}
    for kind, rows in (('annotation', truth['annotations']), ('result', results)):
        for number, row in enumerate(rows):
            if row['image_id'] not in known:
                raise InputError(
                    f'image_id must be of the {len(known)} images of the truth, but {kind} '
                    f'{number} (from 0) has {row["image_id"]}'
                )
