"""The results of an evaluation as tables for the terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple

from ..tables import format_table
from .coco_scores import IouType
from .metrics import Metrics
from .record import Record

_COLUMNS = 100


def format_record(record: Record) -> str:
    """Formats the main metrics and those of each class as tables, at most 100 columns wide."""
    boxes = record.boxes
    head = f'{record.images:,} images, {boxes.truth:,} boxes, {boxes.detections:,} detections'
    if record.curves and record.count_errors:
        total, at = record.count_errors.total, record.curves.best_threshold
        head += f'\ncounts at confidence {at:.3f}: {total.true:,} true boxes, {total.detected:,} '
        head += f'detected, per image MAE {total.mae:.2f}, bias {total.bias:+.2f}'
    columns: dict[str, Sequence[str]] = {'boxes': [f'{n:,}' for n in boxes.truth_per_class]}
    rows: list[list[str]] = []
    for kind, metrics in record.metrics.items():
        rows += _main_rows(kind, metrics, record.settings.study_iou)
        for name, values in asdict(metrics.per_class).items():
            title = name if len(record.metrics) == 1 else f'{kind} {name}'
            columns[title] = [*map(_cell, values)]
    width = _COLUMNS - sum(2 + max(map(len, (name, *c))) for name, c in columns.items())
    names = [name if len(name) <= width else f'{name[: width - 3]}...' for name in record.classes]
    of_classes = format_table(['class', *columns], [*zip(names, *columns.values(), strict=True)])
    header = ['', 'mAP', 'IoU 0.50', 'IoU 0.75', 'small', 'medium', 'large', 'AR100']
    return '\n'.join([head, '', format_table(header, rows), '', of_classes, ''])


def _main_rows(kind: IouType, metrics: Metrics, study_iou: Sequence[float]) -> Iterator[list[str]]:
    names = ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l', 'AR@100')
    yield [kind, *(_cell(metrics.coco[name]) for name in names)]
    if metrics.per_size_at_input:
        sizes = astuple(metrics.per_size_at_input)
        yield [f'{kind}, sizes at the input', '', '', '', *map(_cell, sizes), '']
    maps = ('map', 'map_50', 'map_75', 'map_small', 'map_medium', 'map_large', 'mar_100')
    thresholds = '/'.join(f'{threshold:g}' for threshold in study_iou)
    yield [f'{kind}, IoU {thresholds}', *(_cell(getattr(metrics.study, name)) for name in maps)]


def _cell(value: float) -> str:
    return '-' if value == -1 else f'{value:.3f}'
