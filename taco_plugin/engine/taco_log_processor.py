"""Logs the results of an evaluation as tables."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple

from mmdet.registry import LOG_PROCESSORS
from mmengine.runner import LogProcessor, Runner

from ..evaluation.coco_scores import IouType
from ..evaluation.metrics import Metrics
from ..evaluation.record import Record
from ..evaluation.taco_metric import TacoMetric
from ..files import format_table

_COLUMNS = 100


@LOG_PROCESSORS.register_module()
class TacoLogProcessor(LogProcessor):
    """MMEngine's log processor, which also logs the results of a TacoMetric as tables.

    MMEngine's own log line shows only the ``*_mAP`` of these metrics. TensorBoard, WandB,
    ``scalars.json`` and other backends get all of them.
    """

    def get_log_after_epoch(
        self, runner: Runner, batch_idx: int, mode: str, with_non_scalar: bool = False
    ) -> tuple[dict, str]:
        """Returns the values for the backends, and the text to log."""
        tag, text = super().get_log_after_epoch(runner, batch_idx, mode, with_non_scalar)
        evaluator = runner.val_evaluator if mode == 'val' else runner.test_evaluator
        for metric in evaluator.metrics:
            if isinstance(metric, TacoMetric) and metric.evaluation:
                for name, value in tag.items():
                    if name.removeprefix(f'{mode}/') in metric.names and not name.endswith('_mAP'):
                        text = text.replace(f'  {name}: {value:.{self.num_digits}f}', '', 1)
                text = f'{text}\n{format_record(metric.evaluation)}'
        return tag, text


def format_record(record: Record) -> str:
    """Formats the main metrics and those of each class as tables, at most 100 columns wide."""
    boxes = record.boxes
    head = f'{record.images:,} images, {boxes.truth:,} boxes, {boxes.detections:,} detections'
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
