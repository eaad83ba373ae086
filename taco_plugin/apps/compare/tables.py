"""Tables of runs that were scored on the same images and classes."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from ...boxes import SIZES
from ...evaluation.coco_scores import COCO_IOU
from ...evaluation.metrics import ScoreSettings
from ...evaluation.record import Record, SizeCounts
from .cells import Cell, Column, Table, compare, number_cell, text_cell
from .read_runs import Run, evaluated
from .text import MISSING, show_evaluated_on, show_place, show_text

_UNRANKED = ('at confidence', 'count MAE', 'count bias')


def model_table(runs: Sequence[Run]) -> Table:
    """Detector and training of each run, and what it was evaluated on."""
    rows = [{'run': text_cell(run.name), **_describe_run(run)} for run in runs]
    if any(run.cost for run in runs):
        rows = [row | _describe_cost(run) for row, run in zip(rows, runs, strict=True)]
    return Table('Detectors', [Column(name, [row[name] for row in rows]) for name in rows[0]])


def list_facts(run: Run) -> dict[str, str]:
    """What is known of a run, for people."""
    known = _describe_run(run) | _describe_cost(run)
    facts: dict[str, object] = {
        name: cell.text for name, cell in known.items() if cell.value is not None
    }
    facts['folder'] = run.folder
    if record := run.record:
        boxes, settings = record.boxes, record.settings
        crowds = f', and {boxes.crowds:,} crowds' if boxes.crowds else ''
        facts |= {
            'evaluated at': record.run and record.run.time.replace('T', ' '),
            'checkpoint': record.run and record.run.checkpoint,
            'annotation file': record.ann_file,
            'images': f'{record.images:,}',
            'true boxes': f'{boxes.truth:,}{crowds}',
            'true boxes, as photographed': _sizes(boxes.truth_per_size.native),
            'true boxes, as the network sees them': _sizes(boxes.truth_per_size.input),
            'detections': f'{boxes.detections:,}',
            'IoU thresholds of AP and AR': _list(settings.iou),
            "IoU thresholds of the study's mAP": _list(settings.study_iou),
            'detections per image and class': _list(settings.max_detections),
        }
    return {name: show_text(value) for name, value in facts.items() if value}


def _describe_run(run: Run) -> dict[str, Cell]:
    model, training, size = run.model, run.training, run.model.input_size
    trained = took = text_cell(None)
    if training:
        took = Cell(str(timedelta(seconds=round(training.seconds))), training.seconds)
        trained = Cell(f'{training.iterations:,} iterations', training.iterations)
    if training and training.epochs is not None:
        epochs = f'{training.epochs} / {training.planned_epochs or MISSING}'
        trained = Cell(epochs, training.epochs)
    return {
        'evaluated on': text_cell(show_evaluated_on(run)),
        'config': text_cell(model.config),
        'detector': text_cell(model.detector),
        'taxonomy': text_cell(model.taxonomy),
        'loss': text_cell(model.loss),
        'input (px)': Cell(f'{size[0]} × {size[1]}', size[0] * size[1])
        if size
        else text_cell(None),
        'parameters (M)': number_cell(model.parameters, 1e6),
        'FLOPs (G)': number_cell(model.flops, 1e9),
        'epochs': trained,
        'training time': took,
    }


def _describe_cost(run: Run) -> dict[str, Cell]:
    """What predictions cost, and where, as costs on other machines are others."""
    names = 'latency (ms)', 'FPS', 'peak memory (MB)', 'measured on'
    if not run.cost:
        return dict.fromkeys(names, text_cell(None))
    latency, batches = run.cost.latency, run.cost.throughput
    peak = latency.peak_memory
    place = f'{show_place(run.cost.conditions)}, batches of {batches.batch_size}'
    cells = (
        Cell(f'{latency.p50 * 1e3:.1f}', latency.p50),
        Cell(f'{batches.fps:.2f}', batches.fps),
        text_cell(None) if peak is None else Cell(f'{peak / 1e6:,.0f}', peak),
        text_cell(place),
    )
    return dict(zip(names, cells, strict=True))


def score_table(runs: Sequence[Run]) -> Table:
    """The metrics of each run that was evaluated, and its parameters."""
    parameters = [number_cell(run.model.parameters, 1e6) for run in runs if run.record]
    names = list(map(text_cell, evaluated(runs)))
    columns = [Column('run', names), Column('parameters (M)', parameters)]
    metrics = [read_metrics(record) for record in evaluated(runs).values()]
    for name in dict.fromkeys(name for each in metrics for name in each):
        ranked = name not in _UNRANKED
        columns.append(Column(name, compare([each.get(name) for each in metrics], ranked), ranked))
    return Table('Results', columns)


def class_tables(runs: Sequence[Run]) -> list[Table]:
    """AP50 and AP of each class under each run; of a single run, all in one table."""
    known = evaluated(runs)
    if not known:
        return []
    first = next(iter(known.values()))
    columns = [
        Column('class', list(map(text_cell, first.classes))),
        Column('true boxes', list(map(number_cell, first.boxes.truth_per_class))),
    ]
    if len(known) == 1:
        columns.append(
            Column('detections', list(map(number_cell, first.boxes.detections_per_class)))
        )
        for name in ('AP50', 'AP', 'AR100'):
            columns.append(Column(name, compare(per_class(first, name), ranked=False)))
        return [Table('Classes', columns)]
    tables = []
    for name in ('AP50', 'AP'):
        values = zip(*(per_class(record, name) for record in known.values()), strict=True)
        cells = zip(*map(compare, values), strict=True)
        of_runs = [Column(show_text(run), own) for run, own in zip(known, cells, strict=True)]
        tables.append(Table(f'{name} of each class', [*columns, *of_runs]))
    return tables


def read_metrics(record: Record) -> dict[str, float | None]:
    """The metrics that runs are compared by; None where nothing has ground truth.

    Names say the IoU thresholds where these are not COCO's or the study's: metrics over other
    thresholds are others.
    """
    settings, curves = record.settings, record.curves
    at = '' if settings.iou == COCO_IOU else f'@{_list(settings.iou, ",")}'
    usual = settings.study_iou == ScoreSettings().study_iou
    study_map = 'mAP25-75' if usual else f'mAP@{_list(settings.study_iou, ",")}'
    metrics: dict[str, float | None] = {}
    if boxes := record.metrics.get('bbox'):
        coco = boxes.coco
        metrics = {'AP50': coco['mAP_50'], f'AP{at}': coco['mAP'], 'AP75': coco['mAP_75']}
        metrics[study_map] = boxes.study.map
        metrics |= {f'AP {size}{at}': coco[f'mAP_{size[0]}'] for size in SIZES}
        metrics[f'AR{at}'] = coco['AR@100']
        metrics['best F1'] = curves.best_f1 if curves else None
        metrics['at confidence'] = curves.best_threshold if curves else None
        counts = record.count_errors
        metrics['count MAE'] = counts.total.mae if counts else None
        metrics['count bias'] = counts.total.bias if counts else None
    if masks := record.metrics.get('segm'):
        metrics |= {'mask AP50': masks.coco['mAP_50'], f'mask AP{at}': masks.coco['mAP']}
        metrics[f'mask {study_map}'] = masks.study.map
    return {name: v if name in _UNRANKED else defined(v) for name, v in metrics.items()}


def per_class(record: Record, name: str) -> list[float | None]:
    """``AP``, ``AP50`` or ``AR100`` of the boxes of each class, None without ground truth."""
    boxes = record.metrics.get('bbox')
    values = getattr(boxes.per_class, name) if boxes else [-1] * len(record.classes)
    return list(map(defined, values))


def defined(value: float | None) -> float | None:
    """A metric as records have it, None where that is -1, without ground truth."""
    return None if value == -1 else value


def _sizes(counts: SizeCounts | None) -> str:
    return ', '.join(f'{n:,} {size}' for size, n in (asdict(counts) if counts else {}).items())


def _list(values: Sequence[float], separator: str = ', ') -> str:
    return separator.join(f'{value:g}' for value in values)
