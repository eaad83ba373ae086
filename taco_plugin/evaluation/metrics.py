"""The metrics that are reported, computed from COCO's precision and recall."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ..boxes import SIZES
from ..errors import InputError
from .coco_scores import COCO_IOU, CocoScores

STUDY_MAX_DETECTIONS = (1, 10, 100)
"""Limits of detections per image and class for the study's ``mar_*``; all else uses the last."""


@dataclass(frozen=True)
class ScoreSettings:
    """IoU thresholds and limits of detections that the metrics use.

    Args:
        iou: IoU thresholds of COCO's metrics, in (0, 1].
        study_iou: IoU thresholds of the study's metrics, in (0, 1].
        max_detections: Three limits of the detections per image and class for COCO's metrics, one
            of them 100. As in ``CocoMetric``, ``mAP`` uses 100, ``AR@*`` its own limit, and all
            others the last.

    Raises:
        InputError: If a setting is not as described.
    """

    iou: tuple[float, ...] = COCO_IOU
    study_iou: tuple[float, ...] = (0.25, 0.5, 0.75)
    max_detections: tuple[int, ...] = (100, 300, 1000)

    def __post_init__(self) -> None:
        for name in ('iou', 'study_iou'):
            thresholds = tuple(sorted({float(value) for value in getattr(self, name)}))
            if not thresholds or not all(0 < value <= 1 for value in thresholds):
                raise InputError(f'{name} must be thresholds in (0, 1], but is {thresholds}')
            object.__setattr__(self, name, thresholds)
        limits = tuple(sorted(set(self.max_detections)))
        if len(limits) != 3 or limits[0] < 1 or 100 not in limits:
            raise InputError(
                'max_detections must be three numbers with 100 among them, but is '
                f'{self.max_detections}'
            )
        object.__setattr__(self, 'max_detections', limits)

    @property
    def evaluated(self) -> dict[str, set]:
        """Arguments for :func:`~.coco_scores.score_results` that cover all of the metrics."""
        limits = {*self.max_detections, *STUDY_MAX_DETECTIONS}
        return {'iou_thresholds': {*self.iou, *self.study_iou}, 'max_detections': limits}

    @property
    def coco_names(self) -> list[str]:
        """Names of the 12 metrics of MMDetection's ``CocoMetric``."""
        recalls = [f'AR@{limit}' for limit in self.max_detections]
        return [
            *('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l', *recalls),
            *(f'AR_{size}@{self.max_detections[-1]}' for size in 'sml'),
        ]


@dataclass(frozen=True)
class StudyMetrics:
    """Metrics of torchmetrics' ``MeanAveragePrecision`` for ``study_iou``, under its names.

    Each is in [0, 1], or -1 if there is no ground truth or ``study_iou`` lacks 0.5 or 0.75. Unlike
    in torchmetrics, the lists have all K classes, whether or not they occur.
    """

    map: float
    map_50: float
    map_75: float
    map_small: float
    map_medium: float
    map_large: float
    mar_1: float
    mar_10: float
    mar_100: float
    mar_small: float
    mar_medium: float
    mar_large: float
    map_per_class: tuple[float, ...]
    mar_100_per_class: tuple[float, ...]


@dataclass(frozen=True)
class ClassMetrics:
    """COCO's metrics of each of K classes, in [0, 1], -1 without ground truth.

    Args:
        AP: As in ``CocoMetric``.
        AP50: As in ``CocoMetric``; -1 if 0.5 is not in ``iou``.
        AR100: With at most 100 detections per image.
    """

    AP: tuple[float, ...]
    AP50: tuple[float, ...]
    AR100: tuple[float, ...]


@dataclass(frozen=True)
class SizeMetrics:
    """COCO's AP of the boxes of each size, in [0, 1], -1 without ground truth."""

    small: float
    medium: float
    large: float


@dataclass(frozen=True)
class Metrics:
    """The metrics of boxes or of masks.

    Args:
        coco: The 12 metrics of ``CocoMetric``, ``mAP`` and so on, in [0, 1]; -1 if there is no
            ground truth, or ``iou`` lacks 0.5 or 0.75.
        per_size_at_input: AP by size at the network's input; None if that size is not known.
    """

    coco: Mapping[str, float]
    study: StudyMetrics
    per_class: ClassMetrics
    per_size_at_input: SizeMetrics | None


def make_metrics(
    scores: CocoScores, at_input: CocoScores | None, settings: ScoreSettings
) -> Metrics:
    """Computes the metrics from the results of :func:`~.coco_scores.score_results`."""
    iou, last = settings.iou, settings.max_detections[-1]
    half, labels = _only(0.5, iou), range(scores.num_classes)
    coco = [
        scores.ap(iou, 100),
        scores.ap(half, last),
        scores.ap(_only(0.75, iou), last),
        *(scores.ap(iou, last, size) for size in SIZES),
        *(scores.ar(iou, limit) for limit in settings.max_detections),
        *(scores.ar(iou, last, size) for size in SIZES),
    ]
    sizes = {size: at_input.ap(iou, last, size) for size in SIZES} if at_input else None
    return Metrics(
        coco=dict(zip(settings.coco_names, coco, strict=True)),
        study=_make_study(scores, settings.study_iou),
        per_class=ClassMetrics(
            AP=tuple(scores.ap(iou, last, label=label) for label in labels),
            AP50=tuple(scores.ap(half, last, label=label) for label in labels),
            AR100=tuple(scores.ar(iou, 100, label=label) for label in labels),
        ),
        per_size_at_input=SizeMetrics(**sizes) if sizes else None,
    )


def flatten_metrics(
    metrics: Metrics, classes: Sequence[str], items: Sequence[str] | None = None
) -> dict[str, float]:
    """The metrics by the names that a ``TacoMetric`` gives them, without ``bbox_`` or ``segm_``.

    Args:
        metrics: To flatten.
        classes: Names of the classes whose metrics are included; all K or none.
        items: Which of the metrics of ``CocoMetric`` are included; all by default.
    """
    flat = {name: metrics.coco[name] for name in items or metrics.coco}
    if metrics.per_size_at_input:
        for size, ap in asdict(metrics.per_size_at_input).items():
            flat[f'mAP_{size[0]}_input'] = ap
    for name, value in asdict(metrics.study).items():
        if isinstance(value, float):
            flat[f'study_{name}'] = value
    for name, values in asdict(metrics.per_class).items() if classes else ():
        flat |= zip((f'{of_class}_{name}' for of_class in classes), values, strict=True)
    return flat


def _make_study(scores: CocoScores, iou: Sequence[float]) -> StudyMetrics:
    last, labels = STUDY_MAX_DETECTIONS[-1], range(scores.num_classes)
    return StudyMetrics(
        map=scores.ap(iou, last),
        map_50=scores.ap(_only(0.5, iou), last),
        map_75=scores.ap(_only(0.75, iou), last),
        **{f'map_{size}': scores.ap(iou, last, size) for size in SIZES},
        **{f'mar_{limit}': scores.ar(iou, limit) for limit in STUDY_MAX_DETECTIONS},
        **{f'mar_{size}': scores.ar(iou, last, size) for size in SIZES},
        map_per_class=tuple(scores.ap(iou, last, label=label) for label in labels),
        mar_100_per_class=tuple(scores.ar(iou, last, label=label) for label in labels),
    )


def _only(threshold: float, iou: Sequence[float]) -> list[float]:
    """The threshold, if it is in ``iou``; else an empty list, over which the mean is -1."""
    return [threshold] if threshold in iou else []
