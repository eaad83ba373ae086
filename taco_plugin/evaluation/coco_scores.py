"""COCO's precision and recall, as faster-coco-eval computes them."""

import math
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    """Figures of K classes, in [0, 1], and -1 where a class has no ground truth of the size.

    Args:
        precision: At COCO's 101 points of recall, shape (T, 101, K, A, M).
        recall: Highest that is reached, shape (T, K, A, M).
        iou_thresholds: Ascending, T.
        sizes: ``all``, or keys of :data:`SIZES`, A.
        max_detections: How many detections of an image and class count, ascending, M.
    """

    precision: np.ndarray
    recall: np.ndarray
    iou_thresholds: tuple[float, ...]
    sizes: tuple[str, ...]
    max_detections: tuple[int, ...]

    @property
    def num_classes(self) -> int:
        """K."""
        return self.precision.shape[2]

    def ap(
        self, iou: Iterable[float], top: int, size: str = 'all', label: int | None = None
    ) -> float:
        """Average precision.

        Args:
            iou: Thresholds to average over.
            top: How many detections of an image and class count.
            size: Which true boxes count.
            label: Position of the only class that counts; all by default.

        Returns:
            Mean over what counts; -1 if none of it has ground truth.

        Raises:
            ValueError: If a threshold, ``top`` or ``size`` was not evaluated.
        """
        return self._mean(self.precision, iou, top, size, label)

    def ar(
        self, iou: Iterable[float], top: int, size: str = 'all', label: int | None = None
    ) -> float:
        """Average recall; see :meth:`ap`."""
        return self._mean(self.recall, iou, top, size, label)

    def _mean(
        self, figures: np.ndarray, iou: Iterable[float], top: int, size: str, label: int | None
    ) -> float:
        rows = [self.iou_thresholds.index(threshold) for threshold in iou]
        figures = figures[rows][..., self.sizes.index(size), self.max_detections.index(top)]
        counted = figures if label is None else figures[..., label]
        counted = counted[counted > -1]
        return float(counted.mean()) if counted.size else -1.0


def score_results(
    truth: Coco,
    results: Sequence[Mapping[str, Any]],
    iou_type: IouType,
    iou_thresholds: Iterable[float],
    max_detections: Iterable[int],
    area_factors: Mapping[int, float] | None = None,
) -> tuple[CocoScores, CocoScores | None]:
    """Scores results by COCO's rules; neither they nor the ground truth are changed.

    Classes are in the ascending order of the category ids.

    Args:
        truth: COCO file; every annotation needs ``area`` in square pixels, ``bbox`` or, for
            ``segm``, ``segmentation``. Without ``iscrowd`` it is no crowd.
        results: COCO results: ``image_id``, ``category_id``, ``score`` and ``bbox`` (xywh,
            absolute pixels) or, for ``segm``, ``segmentation`` (RLE); may be empty.
        iou_type: Whether boxes or masks are compared.
        iou_thresholds: Each in (0, 1].
        max_detections: Numbers of detections of an image and class that count.
        area_factors: Image id -> what areas in it are multiplied by to get those at the network's
            input.

    Returns:
        The scores, and for ``area_factors`` those of small, medium and large boxes at the
        network's input, for the highest of ``max_detections``; None without.

    Raises:
        InputError: If an annotation or a result lacks a number, has one that is not finite, or
            is of an image or a category that ``truth`` lacks.
    """
    evaluator = COCOeval_faster(
        _index(truth, _copy_truth(truth, iou_type)),
        _index(truth, _copy_results(truth, results, iou_type)),
        iou_type,
    )
    iou_thresholds, tops = sorted(set(iou_thresholds)), sorted(set(max_detections))
    scores = _evaluate(evaluator, iou_thresholds, tops, _EVERY_SIZE)
    if area_factors is None:
        return scores, None
    for coco in (evaluator.cocoGt, evaluator.cocoDt):
        for annotation in coco.dataset['annotations']:
            annotation['area'] *= area_factors[annotation['image_id']]
    rescaled = COCOeval_faster(evaluator.cocoGt, evaluator.cocoDt, iou_type)
    # Overlaps do not depend on the scale, and their order not on the size.
    rescaled.computeIoU = lambda image, category: evaluator.ious[image, category]
    return scores, _evaluate(rescaled, iou_thresholds, tops[-1:], SIZES)


def _evaluate(
    evaluator: COCOeval_faster,
    iou_thresholds: Sequence[float],
    tops: Sequence[int],
    sizes: Mapping[str, tuple[float, float]],
) -> CocoScores:
    evaluator.params.iouThrs = np.array(iou_thresholds)
    evaluator.params.maxDets = list(tops)
    evaluator.params.areaRng = [[float(least), float(most)] for least, most in sizes.values()]
    evaluator.params.areaRngLbl = list(sizes)
    evaluator.evaluate()
    evaluator.accumulate()
    arrays = evaluator.eval['precision'], evaluator.eval['recall']
    return CocoScores(*arrays, tuple(iou_thresholds), tuple(sizes), tuple(tops))


def _copy_truth(truth: Coco, iou_type: IouType) -> list[dict]:
    """Annotations with what is scored; numbered anew, for 0 means "no match" to the library."""
    geometry = _GEOMETRY[iou_type]
    annotations = truth['annotations']
    _check(truth, annotations, 'annotation', ('area', geometry))
    return [
        {
            'id': number,
            'image_id': row['image_id'],
            'category_id': row['category_id'],
            'iscrowd': row.get('iscrowd', 0),
            'area': row['area'],
            geometry: row[geometry],
        }
        for number, row in enumerate(annotations, start=1)
    ]


def _copy_results(
    truth: Coco, results: Sequence[Mapping[str, Any]], iou_type: IouType
) -> list[dict]:
    """What ``loadRes`` makes of them, without a polygon for each box; may be empty."""
    geometry = _GEOMETRY[iou_type]
    _check(truth, results, 'result', ('score', geometry))
    if iou_type == 'bbox':
        areas = [row['bbox'][2] * row['bbox'][3] for row in results]
    else:
        areas = mask.area([row[geometry] for row in results]).tolist() if results else []
    return [
        {
            'id': number,
            'image_id': row['image_id'],
            'category_id': row['category_id'],
            'score': row['score'],
            'area': area,
            geometry: row[geometry],
        }
        for number, (row, area) in enumerate(zip(results, areas, strict=True), start=1)
    ]


def _index(truth: Coco, annotations: list[dict]) -> COCO:
    sections = {section: truth[section] for section in ('images', 'categories')}
    return COCO({**sections, 'annotations': annotations})


def _check(
    truth: Coco, rows: Sequence[Mapping[str, Any]], kind: str, fields: Sequence[str]
) -> None:
    """The library takes what is missing for 0, and a box that is no number for a wrong one."""
    for field, section in (('image_id', 'images'), ('category_id', 'categories')):
        known = {entry['id'] for entry in truth[section]}
        for number, row in enumerate(rows):
            if row.get(field) not in known:
                found = f'the {field} {row[field]}' if field in row else f'no {field}'
                raise InputError(
                    f'{kind} {number} (from 0) has {found}, which none of the {len(known)} '
                    f'{section} of the ground truth has'
                )
    for field in fields:
        is_valid, allowed = _RULES[field]
        for number, row in enumerate(rows):
            if not is_valid(row.get(field)):
                raise InputError(
                    f'{field} must be {allowed}, but {kind} {number} (from 0) has '
                    f'{reprlib.repr(row.get(field))}'
                )


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return value is not None and math.isfinite(value)


def _is_box(value: Any) -> bool:  # noqa: ANN401
    return value is not None and len(value) == 4 and all(map(math.isfinite, value))


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    'area': (_is_number, 'a finite number'),
    'score': (_is_number, 'a finite number'),
    'bbox': (_is_box, 'four finite numbers'),
    'segmentation': (bool, 'polygons or an RLE'),
}
