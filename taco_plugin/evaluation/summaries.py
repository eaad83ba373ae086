"""The figures that are reported, read from COCO's precision and recall."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..boxes import SIZES
from ..errors import InputError
from .coco_scores import COCO_IOU, CocoScores

STUDY_TOPS = (1, 10, 100)
"""Detections of an image and class that the study's ``mar_*`` count; the last for all else."""


@dataclass(frozen=True)
class ScoreSettings:
    """What the figures average over and count.

    Args:
        iou: IoU thresholds of COCO's figures, in (0, 1].
        study_iou: IoU thresholds of the study's figures, in (0, 1].
        tops: Three numbers of detections of an image and class that COCO's figures count, with
            100 among them. As in ``CocoMetric``, ``mAP`` counts 100, the others but for
            ``AR@*`` the last.

    Raises:
        InputError: If one is not as described.
    """

    iou: tuple[float, ...] = COCO_IOU
    study_iou: tuple[float, ...] = (0.25, 0.5, 0.75)
    tops: tuple[int, ...] = (100, 300, 1000)

    def __post_init__(self) -> None:
        for name in ('iou', 'study_iou'):
            thresholds = tuple(sorted({float(value) for value in getattr(self, name)}))
            if not thresholds or not all(0 < value <= 1 for value in thresholds):
                raise InputError(f'{name} must be thresholds in (0, 1], but is {thresholds}')
            object.__setattr__(self, name, thresholds)
        tops = tuple(sorted(set(self.tops)))
        if len(tops) != 3 or tops[0] < 1 or 100 not in tops:
            raise InputError(f'tops must be three numbers with 100 among them, but is {self.tops}')
        object.__setattr__(self, 'tops', tops)

    @property
    def every_iou(self) -> set[float]:
        """IoU thresholds that have to be evaluated."""
        return {*self.iou, *self.study_iou}

    @property
    def every_top(self) -> set[int]:
        """Numbers of detections that have to be evaluated."""
        return {*self.tops, *STUDY_TOPS}

    @property
    def coco_names(self) -> list[str]:
        """Names of COCO's figures, as :func:`summarize_coco` returns them."""
        recalls = [f'AR@{top}' for top in self.tops]
        return [
            *('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l', *recalls),
            *(f'AR_{size}@{self.tops[-1]}' for size in 'sml'),
        ]


def summarize_coco(scores: CocoScores, settings: ScoreSettings) -> dict[str, float]:
    """The 12 figures of MMDetection's ``CocoMetric``, by its names.

    Returns:
        In [0, 1]; -1 where nothing has ground truth, or 0.5 or 0.75 is not in ``settings.iou``.
    """
    iou, last = settings.iou, settings.tops[-1]
    figures = [
        scores.ap(iou, 100),
        _ap_at(scores, 0.5, iou, last),
        _ap_at(scores, 0.75, iou, last),
        *(scores.ap(iou, last, size) for size in SIZES),
        *(scores.ar(iou, top) for top in settings.tops),
        *(scores.ar(iou, last, size) for size in SIZES),
    ]
    return dict(zip(settings.coco_names, figures, strict=True))


def summarize_sizes(scores: CocoScores, settings: ScoreSettings) -> dict[str, float]:
    """COCO's AP of each size."""
    return {size: scores.ap(settings.iou, settings.tops[-1], size) for size in SIZES}


def summarize_study(scores: CocoScores, settings: ScoreSettings) -> dict[str, Any]:
    """The figures of torchmetrics' ``MeanAveragePrecision`` over ``study_iou``, by its names.

    Returns:
        In [0, 1]; -1 where nothing has ground truth, or 0.5 or 0.75 is not in ``study_iou``.
        ``map_per_class`` and ``mar_100_per_class`` are lists of K, ``classes`` the labels
        0..K-1: unlike torchmetrics, all of them, whether or not they occur.
    """
    iou, last, labels = settings.study_iou, STUDY_TOPS[-1], range(scores.num_classes)
    return {
        'map': scores.ap(iou, last),
        'map_50': _ap_at(scores, 0.5, iou, last),
        'map_75': _ap_at(scores, 0.75, iou, last),
        **{f'map_{size}': scores.ap(iou, last, size) for size in SIZES},
        **{f'mar_{top}': scores.ar(iou, top) for top in STUDY_TOPS},
        **{f'mar_{size}': scores.ar(iou, last, size) for size in SIZES},
        'map_per_class': [scores.ap(iou, last, label=label) for label in labels],
        f'mar_{last}_per_class': [scores.ar(iou, last, label=label) for label in labels],
        'classes': list(labels),
    }


def summarize_classes(scores: CocoScores, settings: ScoreSettings) -> dict[str, list[float]]:
    """COCO's figures of each class: ``AP`` and ``AP50`` as in ``CocoMetric``, and ``AR100``."""
    iou, last, labels = settings.iou, settings.tops[-1], range(scores.num_classes)
    return {
        'AP': [scores.ap(iou, last, label=label) for label in labels],
        'AP50': [_ap_at(scores, 0.5, iou, last, label) for label in labels],
        'AR100': [scores.ar(iou, 100, label=label) for label in labels],
    }


def _ap_at(
    scores: CocoScores, threshold: float, iou: Sequence[float], top: int, label: int | None = None
) -> float:
    return scores.ap([threshold], top, label=label) if threshold in iou else -1.0
