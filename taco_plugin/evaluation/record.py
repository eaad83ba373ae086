"""Stores one evaluation as a JSON file, from which plots and reports are made."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from ..boxes import Boxes, bucket_areas
from ..class_counts import walk
from ..coco import Coco
from ..errors import InputError
from ..files import write_files
from ..json_files import read_json, to_json
from .coco_scores import IouType
from .counts import Count, CountErrors, count_boxes
from .curves import MeanCurves
from .metrics import Metrics, ScoreSettings

SCHEMA_VERSION: Literal[4] = 4


@dataclass(frozen=True)
class EvaluatedRun:
    """The run that was evaluated, as :class:`~taco_plugin.engine.EvaluationReportHook` sees it.

    Args:
        name: ``test``, or ``val_`` and the epoch or iteration.
        epoch: None for a test, and for iteration-based training.
        iteration: Number of iterations that the model was trained for, if known.
        checkpoint: Path of the weights; None for a validation.
        time: ISO 8601.
    """

    name: str
    epoch: Count | None
    iteration: Count
    checkpoint: str | None
    time: str


@dataclass(frozen=True)
class SizeCounts:
    """Number of boxes of each of COCO's sizes."""

    small: Count
    medium: Count
    large: Count


@dataclass(frozen=True)
class TruthSizes:
    """Number of true boxes by size in the original photographs and, if known, at the input."""

    native: SizeCounts
    input: SizeCounts | None


@dataclass(frozen=True)
class BoxCounts:
    """Number of true boxes without crowds, of crowds, and of detections of any confidence."""

    truth: Count
    crowds: Count
    detections: Count
    truth_per_class: tuple[Count, ...]
    detections_per_class: tuple[Count, ...]
    truth_per_size: TruthSizes


@dataclass(frozen=True)
class Record:
    """All results of an evaluation, in types that can be written as JSON.

    Args:
        run: What was evaluated; None until the hook that writes the record fills it in.
        classes: Names of K classes, in the order of the labels.
        taxonomy: Its name or the path of its CSV.
        ann_file: Path of the ground truth.
        ground_truth: Hash from :func:`identify`. Evaluations with the same hash and classes were
            scored against the same boxes.
        settings: IoU thresholds and limits of the metrics.
        metrics: Metrics of ``bbox`` and ``segm``, if they were scored.
        curves: None if there is no ground truth.
        count_errors: At ``curves.best_threshold``; None without ``curves``.

    Raises:
        InputError: If the number of classes or the names of metrics are inconsistent.
    """

    schema_version: Literal[4]
    run: EvaluatedRun | None
    classes: tuple[str, ...]
    taxonomy: str | None
    ann_file: str | None
    ground_truth: str
    settings: ScoreSettings
    images: Count
    boxes: BoxCounts
    metrics: Mapping[IouType, Metrics]
    curves: MeanCurves | None
    count_errors: CountErrors | None

    @property
    def main_metrics(self) -> Metrics:
        """The metrics of boxes, or of masks if only masks were scored."""
        return self.metrics.get('bbox') or self.metrics['segm']

    def __post_init__(self) -> None:
        if not self.metrics:
            raise InputError('metrics must not be empty')
        if len(set(self.classes)) < len(self.classes):
            raise InputError('classes must have different names')
        per_class: dict[str, tuple] = {
            'boxes.truth_per_class': self.boxes.truth_per_class,
            'boxes.detections_per_class': self.boxes.detections_per_class,
        }
        for kind, metrics in self.metrics.items():
            if list(metrics.coco) != self.settings.coco_names:
                raise InputError(f'metrics.{kind}.coco must have {self.settings.coco_names}')
            for name, values in vars(metrics.per_class).items():
                per_class[f'metrics.{kind}.per_class.{name}'] = values
        of = self.curves
        if of and (len(of.recall), len(of.threshold)) != (len(of.precision), len(of.f1)):
            raise InputError('curves has recall, precision, threshold and f1 of other lengths')
        if self.count_errors is not None:
            per_class['count_errors.per_class'] = self.count_errors.per_class
        for name, values in per_class.items():
            if len(values) != len(self.classes):
                raise InputError(f'{name} has {len(values)} of {len(self.classes)} classes')


def make_record(
    meta: Mapping[str, Any],
    truth: Coco,
    boxes: tuple[Boxes, Boxes],
    *,
    settings: ScoreSettings,
    area_factors: Mapping[int, float] | None,
    metrics: Mapping[IouType, Metrics],
) -> Record:
    """Makes the record of an evaluation.

    Args:
        meta: Of the data set: ``classes`` and, if present, ``taxonomy`` and ``ann_file``.
        truth: COCO file.
        boxes: The ground truth in ``truth``, and the detections.
        settings: IoU thresholds and limits of the metrics.
        area_factors: Image id -> factor that converts areas to those at the network's input.
        metrics: As in the record, which has neither curves nor errors of counts yet.
    """
    true, detections = boxes
    images = [image['id'] for image in truth['images']]
    counts = [count_boxes(some, images, len(meta['classes'])).sum(axis=0) for some in boxes]
    at_input = None if area_factors is None else _count_sizes(truth, area_factors)
    return Record(
        schema_version=SCHEMA_VERSION,
        run=None,
        classes=tuple(meta['classes']),
        taxonomy=meta.get('taxonomy'),
        ann_file=meta.get('ann_file'),
        ground_truth=identify(truth, true),
        settings=settings,
        images=len(images),
        boxes=BoxCounts(
            truth=int((~true.crowd).sum()),
            crowds=int(true.crowd.sum()),
            detections=len(detections),
            truth_per_class=tuple(counts[0].tolist()),
            detections_per_class=tuple(counts[1].tolist()),
            truth_per_size=TruthSizes(native=_count_sizes(truth), input=at_input),
        ),
        metrics=dict(metrics),
        curves=None,
        count_errors=None,
    )


def identify(truth: Coco, boxes: Boxes) -> str:
    """SHA-256, in hexadecimal, of the images' file names and sizes and of their true boxes.

    It does not depend on ids or on any order, so that files with the same content share it.
    """
    of_image: dict[int, list[list[float]]] = defaultdict(list)
    rows = np.column_stack([boxes.label, boxes.crowd, boxes.xyxy.round(2)])
    for number, row in zip(boxes.image.tolist(), rows.tolist(), strict=True):
        of_image[number].append(row)
    lines = sorted(
        repr([*map(image.get, ('file_name', 'width', 'height')), sorted(of_image[image['id']])])
        for image in truth['images']
    )
    return hashlib.sha256('\n'.join(lines).encode('utf-8', 'surrogatepass')).hexdigest()


def _count_sizes(truth: Coco, area_factors: Mapping[int, float] | None = None) -> SizeCounts:
    rows = [row for row in truth['annotations'] if not row.get('iscrowd', 0)]
    factors = [area_factors[row['image_id']] if area_factors else 1.0 for row in rows]
    areas = np.array([row['area'] for row in rows], dtype=np.float64) * np.array(factors)
    return SizeCounts(**bucket_areas(areas))


def write_record(record: Record, path: str | Path) -> None:
    """Writes a record atomically: completely or not at all.

    Raises:
        InputError: If the file cannot be written.
    """
    path = Path(path)
    write_files(path.parent, {path.name: to_json(asdict(record), indent=2)})


def read_record(path: str | Path) -> Record:
    """Reads a record that :func:`write_record` wrote.

    Raises:
        InputError: If the file cannot be read, has another schema version, or
            :func:`parse_record` refuses it; the message names the file.
    """
    content = read_json(path)
    version = content.get('schema_version') if isinstance(content, dict) else None
    if version is None:
        raise InputError(f'{path}: not a record of an evaluation: it has no schema_version')
    if version != SCHEMA_VERSION:
        raise InputError(
            f'{path}: its schema_version is {version!r}, but must be {SCHEMA_VERSION}; '
            'evaluate again'
        )
    try:
        return parse_record(content)
    except InputError as error:
        raise InputError(f'{path}: not a record of an evaluation: {error}') from None


def parse_record(content: object) -> Record:
    """Makes a record from parsed JSON, checked against the type hints.

    Raises:
        InputError: If a field is missing, unknown or of another type, or a number is not finite.
    """
    try:
        record = msgspec.convert(content, Record)
    except msgspec.ValidationError as error:
        raise InputError(str(error)) from None
    known = json.loads(to_json(asdict(record)))
    if known != content:
        names = [{key for _, node in walk(some) for key in node} for some in (known, content)]
        raise InputError(f'schema {SCHEMA_VERSION} differs in {", ".join(names[0] ^ names[1])}')
    return record
