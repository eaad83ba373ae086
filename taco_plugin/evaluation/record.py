"""One evaluation as a JSON file, which plots and reports read."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..boxes import SIZES, Boxes
from ..coco import Coco
from ..errors import InputError
from ..files import format_table, to_json, write_files
from .coco_scores import CocoScores
from .confusion import class_counts
from .curves import RECALLS, ScoreCurves, best_f1
from .summaries import (
    ScoreSettings,
    summarize_classes,
    summarize_coco,
    summarize_sizes,
    summarize_study,
)

SCHEMA_VERSION = 2

Record = dict[str, Any]

_DIGITS = 5
"""Of the curves, which are for drawing."""

_SECTIONS = {
    *('run', 'classes', 'taxonomy', 'ann_file', 'ground_truth', 'settings', 'images', 'boxes'),
    *('figures', 'curves'),
}


def make_record(
    meta: Mapping[str, Any],
    truth: Coco,
    boxes: tuple[Boxes, Boxes],
    settings: ScoreSettings,
    area_factors: Mapping[int, float] | None,
    figures: Mapping[str, Record],
) -> Record:
    """Everything that an evaluation found; JSON can hold it.

    - ``schema_version``: :data:`SCHEMA_VERSION`.
    - ``run``: null; whoever writes the record can say here what was evaluated. Of a
      :class:`~taco_plugin.engine.EvaluationReportHook` it has ``name`` (``test``, or ``val_`` and
      the epoch), ``epoch`` (null of a test), ``iteration``, ``checkpoint`` (path, null of a
      validation) and ``time`` (ISO 8601).
    - ``classes``: names in the order of the labels. ``taxonomy``: its name or the path of its
      CSV, and ``ann_file``: path of the ground truth; null where there is none.
    - ``ground_truth``: what :func:`identify` returns: evaluations that share it, and the classes,
      were scored against the same boxes.
    - ``settings``: fields of :class:`ScoreSettings`.
    - ``images``: number of images.
    - ``boxes``: numbers of ``truth`` (without crowds), ``crowds`` and ``found``; lists
      ``truth_per_class`` and ``found_per_class``; ``truth_per_size``, which has ``native`` and
      ``input``, each with ``small``, ``medium`` and ``large``. ``input`` is null where sizes at
      the network's input are not known.
    - ``figures``: ``bbox`` and ``segm``, as far as they were scored -> what :func:`make_figures`
      returns.
    - ``curves``: null, or what :func:`make_curves` returns.

    Args:
        meta: Of the data set: ``classes`` and, where there are, ``taxonomy`` and ``ann_file``.
        truth: COCO file.
        boxes: Ground truth and detections.
        settings: Of the evaluation.
        area_factors: Image id -> factor of areas at the network's input.
        figures: ``bbox`` or ``segm`` -> its figures.
    """
    true, found = boxes
    true_count, found_count = class_counts(
        true, found, len(meta['classes']), score_threshold=-np.inf
    )
    at_input = None if area_factors is None else count_sizes(truth, area_factors)
    return {
        'schema_version': SCHEMA_VERSION,
        'run': None,
        'classes': list(meta['classes']),
        'taxonomy': meta.get('taxonomy'),
        'ann_file': meta.get('ann_file'),
        'ground_truth': identify(truth, true),
        'settings': {name: list(value) for name, value in asdict(settings).items()},
        'images': len(truth['images']),
        'boxes': {
            'truth': int(true_count.sum()),
            'crowds': int(true.crowd.sum()),
            'found': len(found),
            'truth_per_class': true_count.tolist(),
            'found_per_class': found_count.tolist(),
            'truth_per_size': {'native': count_sizes(truth), 'input': at_input},
        },
        'figures': dict(figures),
        'curves': None,
    }


def identify(truth: Coco, boxes: Boxes) -> str:
    """SHA-256, in hexadecimal, of the images' file names and sizes and of their true boxes.

    It depends neither on ids nor on any order, so that files which say the same have it in common.

    Args:
        truth: COCO file; its images.
        boxes: Its boxes.
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


def make_curves(curves: ScoreCurves, precision: np.ndarray) -> Record | None:
    """Means over the classes, at IoU 0.50; None without ground truth.

    - ``recall`` and ``precision``: at 101 recalls.
    - ``threshold`` and ``f1``: at 101 confidence thresholds.
    - ``best_threshold`` and ``best_f1``: of all thresholds of the curves.

    Args:
        curves: Of K classes, over :data:`~taco_plugin.evaluation.curves.THRESHOLDS`.
        precision: As :func:`~taco_plugin.evaluation.curves.precision_recall` returns it,
            shape (K, 101).
    """
    threshold, f1 = best_f1(curves)
    if np.isnan(f1):
        return None
    return {
        'recall': RECALLS.round(_DIGITS).tolist(),
        'precision': np.nanmean(precision, axis=0).round(_DIGITS).tolist(),
        'threshold': curves.thresholds[::10].round(_DIGITS).tolist(),
        'f1': curves.mean_f1[::10].round(_DIGITS).tolist(),
        'best_threshold': threshold,
        'best_f1': f1,
    }


def count_sizes(truth: Coco, area_factors: Mapping[int, float] | None = None) -> dict[str, int]:
    """Number of true boxes of each size; crowds are not counted.

    Args:
        truth: COCO file; every annotation needs ``area``.
        area_factors: As for :func:`score_results`.

    >>> box = {'image_id': 7, 'area': 900}
    >>> count_sizes({'annotations': [box]})
    {'small': 1, 'medium': 0, 'large': 0}
    >>> count_sizes({'annotations': [box]}, {7: 4.0})
    {'small': 0, 'medium': 1, 'large': 0}
    """
    areas = np.array([
        row['area'] * (area_factors[row['image_id']] if area_factors else 1.0)
        for row in truth['annotations']
        if not row.get('iscrowd', 0)
    ])  # fmt: skip
    return {
        size: int(((areas >= least) & (areas <= most)).sum())
        for size, (least, most) in SIZES.items()
    }


def make_figures(
    scores: CocoScores, at_input: CocoScores | None, settings: ScoreSettings
) -> Record:
    """The figures of boxes or of masks, each in [0, 1], or -1 where nothing has ground truth.

    - ``coco``: the 12 of ``CocoMetric``, ``mAP`` and so on.
    - ``study``: torchmetrics' keys, ``map`` and so on.
    - ``per_class``: lists ``AP``, ``AP50`` and ``AR100``.
    - ``per_size_at_input``: AP of ``small``, ``medium`` and ``large`` by their size at the
      network's input; null where that is not known.
    """
    return {
        'coco': summarize_coco(scores, settings),
        'study': summarize_study(scores, settings),
        'per_class': summarize_classes(scores, settings),
        'per_size_at_input': None if at_input is None else summarize_sizes(at_input, settings),
    }


def format_record(record: Record) -> str:
    """The figures of each class as a table, and the main ones in a line."""
    figures, boxes = record['figures'], record['boxes']
    header, columns = ['class', 'boxes'], []
    for metric, of_metric in figures.items():
        for name, per_class in of_metric['per_class'].items():
            header.append(name if len(figures) == 1 else f'{metric} {name}')
            columns.append(map(_cell, per_class))
    counts = map(str, boxes['truth_per_class'])
    rows = list(zip(record['classes'], counts, *columns, strict=True))
    lines = [
        f'{metric}: {_join(of_metric["coco"], "mAP")}, {_join(of_metric["study"], "map", "study ")}'
        for metric, of_metric in figures.items()
    ]
    total = f'{record["images"]} images, {boxes["truth"]} boxes, {boxes["found"]} detections'
    return '\n'.join(['', format_table(header, rows), f'{"; ".join(lines)} ({total})'])


def _join(figures: Record, name: str, prefix: str = '') -> str:
    names = (name, f'{name}_50', f'{name}_75')
    return ', '.join(f'{prefix}{name} {_cell(figures[name])}' for name in names)


def _cell(figure: float) -> str:
    return '-' if figure == -1 else f'{figure:.3f}'


def write_record(record: Record, path: str | Path) -> None:
    """Writes a record completely or not at all.

    Raises:
        InputError: If the file cannot be written.
    """
    path = Path(path)
    write_files(path.parent, {path.name: to_json(record, indent=2)})


def read_record(path: str | Path) -> Record:
    """Reads what :func:`write_record` wrote.

    Raises:
        InputError: If the file cannot be read, holds something else, or is of another schema.
    """
    try:
        record = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    except (ValueError, RecursionError):
        raise InputError(f'{path}: not a record of an evaluation: broken JSON') from None
    if not isinstance(record, dict) or 'schema_version' not in record:
        raise InputError(f'{path}: not a record of an evaluation: it has no schema_version')
    if record['schema_version'] != SCHEMA_VERSION:
        raise InputError(
            f'{path}: its schema_version is {record["schema_version"]!r}, but must be '
            f'{SCHEMA_VERSION}; evaluate again'
        )
    missing = sorted(_SECTIONS - set(record))
    if missing:
        raise InputError(f'{path}: not a record of an evaluation: it has no {", ".join(missing)}')
    try:
        format_record(record)  # needs most of it
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f'{path}: not a record of an evaluation ({error!r})') from None
    return record
