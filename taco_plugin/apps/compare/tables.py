"""Tables of runs that were scored on the same images and classes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...evaluation.coco_scores import COCO_IOU
from ...evaluation.record import Record
from .run import Evaluation, Run
from .text import (
    MISSING,
    show_classes,
    show_difference,
    show_duration,
    show_evaluated_on,
    show_figure,
    show_text,
)

STUDY_IOU = (0.25, 0.5, 0.75)
"""IoU thresholds of the study's mAP25-75."""

THRESHOLD = 'at confidence'
"""Title of the column that says where F1 is best."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Args:
        text: What it says.
        value: What it is sorted by; None comes last.
        difference: From the reference, with its sign; '' where there is none.
        best: Whether no other is better in its column, or in the row of a class.
    """

    text: str
    value: str | float | None
    difference: str = ''
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows.

    Args:
        title: What it shows.
        columns: Their titles.
        numeric: Of each column, whether it holds numbers.
        rows: Each has a cell for every column.
    """

    title: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def compared(self) -> list[bool]:
        """Of each column, whether it has differences."""
        return [any(row[n].difference for row in self.rows) for n in range(len(self.columns))]


def evaluated(runs: Sequence[Run]) -> list[tuple[Run, Evaluation]]:
    """The runs that were evaluated; the first of them is the reference."""
    return [(run, run.evaluation) for run in runs if run.evaluation]


def model_table(runs: Sequence[Run]) -> Table:
    """Detector and training of each run, and what it was evaluated on."""
    columns: dict[str, tuple[bool, Callable[[Run], Cell]]] = {
        'run': (False, lambda run: _text(run.name)),
        'evaluated on': (False, lambda run: _text(_evaluated_on(run))),
        'config': (False, lambda run: _text(run.model.config)),
        'detector': (False, lambda run: _text(run.model.detector)),
        'taxonomy': (False, lambda run: _text(run.model.taxonomy)),
        'loss': (False, lambda run: _text(run.model.loss)),
        'input (px)': (True, lambda run: _input_size(run.model.input_size)),
        'parameters (M)': (True, lambda run: _count(run.model.parameters, 1e6)),
        'FLOPs (G)': (True, lambda run: _count(run.model.flops, 1e9)),
        'epochs': (True, _epochs),
        'training time': (True, _duration),
    }
    rows = tuple(tuple(read(run) for _, read in columns.values()) for run in runs)
    numeric = tuple(is_number for is_number, _ in columns.values())
    return Table('Detectors', tuple(columns), numeric, rows)


def score_table(runs: Sequence[Run]) -> Table:
    """The figures of each run that was evaluated, and its parameters."""
    known = evaluated(runs)
    figures = [read_figures(evaluation) for _, evaluation in known]
    names = name_figures(figures)
    columns = [
        compare([each.get(name) for each in figures], ranked=name != THRESHOLD) for name in names
    ]
    rows = tuple(
        (_text(run.name), _count(run.model.parameters, 1e6), *(column[row] for column in columns))
        for row, (run, _) in enumerate(known)
    )
    return _table('Results', ('run', 'parameters (M)', *names), rows)


def class_tables(runs: Sequence[Run]) -> list[Table]:
    """AP50 and AP of each class under each run; of a single run, all in one table."""
    known = evaluated(runs)
    if not known:
        return []
    first = known[0][1].record
    if len(known) == 1:
        return [_table_of_classes(first)]
    classes, counts = show_classes(first['classes']), first['boxes']['truth_per_class']
    titles = ('class', 'true boxes', *(show_text(run.name) for run, _ in known))
    tables = []
    for name in ('AP50', 'AP'):
        per_run = [per_class(evaluation.record, name) for _, evaluation in known]
        rows = tuple(
            (_text(shown), _count(count), *compare(figures))
            for shown, count, *figures in zip(classes, counts, *per_run, strict=True)
        )
        tables.append(_table(f'{name} of each class', titles, rows))
    return tables


def name_figures(figures: Sequence[Mapping[str, float | None]]) -> list[str]:
    """The names that occur, in their order."""
    return list(dict.fromkeys(name for each in figures for name in each))


def read_figures(evaluation: Evaluation) -> dict[str, float | None]:
    """The figures that runs are compared by; None where nothing has ground truth.

    Names say the IoU thresholds where these are not COCO's or the study's: figures over other
    thresholds are others.
    """
    record = evaluation.record
    settings, curves = record['settings'], record['curves'] or {}
    study_iou, at = settings['study_iou'], _at_iou(settings['iou'])
    study_map = 'mAP25-75' if tuple(study_iou) == STUDY_IOU else f'mAP@{_list(study_iou)}'
    found: dict[str, float | None] = {}
    if boxes := record['figures'].get('bbox'):
        coco = boxes['coco']
        found |= {'AP50': coco['mAP_50'], f'AP{at}': coco['mAP'], 'AP75': coco['mAP_75']}
        found |= {study_map: boxes['study']['map']}
        found |= {f'AP {size}{at}': coco[f'mAP_{size[0]}'] for size in ('small', 'medium', 'large')}
        found |= {f'AR{at}': coco['AR@100']}
        found |= {'best F1': curves.get('best_f1'), THRESHOLD: curves.get('best_threshold')}
    if masks := record['figures'].get('segm'):
        found |= {'mask AP50': masks['coco']['mAP_50'], f'mask AP{at}': masks['coco']['mAP']}
        found |= {f'mask {study_map}': masks['study']['map']}
    return {name: None if figure == -1 else figure for name, figure in found.items()}


def per_class(record: Record, name: str) -> list[float | None]:
    """A figure of the boxes of each class, None where it has no ground truth.

    Args:
        record: See :func:`~taco_plugin.evaluation.record.make_record`.
        name: ``AP``, ``AP50`` or ``AR100``.
    """
    boxes = record['figures'].get('bbox')
    figures = boxes['per_class'][name] if boxes else [None] * len(record['classes'])
    return [None if figure == -1 else figure for figure in figures]


def subtract(figure: float | None, other: float | None) -> float | None:
    """The difference, None where one of the figures is not there."""
    return None if figure is None or other is None else figure - other


def compare(figures: Sequence[float | None], ranked: bool = True) -> list[Cell]:
    """Cells of a figure of several runs; the first is the reference.

    Args:
        figures: In [0, 1], None where there is none.
        ranked: Whether the highest is the best.
    """
    known = {figure for figure in figures if figure is not None}
    best = max(known) if ranked and len(known) > 1 else None
    cells = []
    for number, figure in enumerate(figures):
        first = figures[0]
        change = subtract(figure, first) if ranked and number else None
        difference = '' if change is None else show_difference(change)
        is_best = best is not None and figure == best
        cells.append(Cell(show_figure(figure), figure, difference, is_best))
    return cells


def _table_of_classes(record: Record) -> Table:
    boxes = record['boxes']
    counts = {'true boxes': boxes['truth_per_class'], 'detections': boxes['found_per_class']}
    figures = {name: per_class(record, name) for name in ('AP50', 'AP', 'AR100')}
    columns = [
        *([_count(count) for count in column] for column in counts.values()),
        *([Cell(show_figure(figure), figure) for figure in column] for column in figures.values()),
    ]
    rows = tuple(zip(map(_text, show_classes(record['classes'])), *columns, strict=True))
    return _table('Classes', ('class', *counts, *figures), rows)


def _table(title: str, columns: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...]) -> Table:
    return Table(title, columns, (False, *[True] * (len(columns) - 1)), rows)


def _text(text: str | None) -> Cell:
    shown = show_text(text or '')
    return Cell(shown or MISSING, shown or None)


def _count(count: int | None, unit: float = 1) -> Cell:
    """A number of things, in units."""
    if count is None:
        return Cell(MISSING, None)
    return Cell(f'{count / unit:.2f}' if unit > 1 else f'{count:,}', count)


def _input_size(size: tuple[int, int] | None) -> Cell:
    if size is None:
        return Cell(MISSING, None)
    return Cell(f'{size[0]} × {size[1]}', size[0] * size[1])


def _epochs(run: Run) -> Cell:
    training = run.training
    if training is None or training.epochs is None:
        return Cell(MISSING, None)
    return Cell(f'{training.epochs} / {training.planned_epochs or MISSING}', training.epochs)


def _duration(run: Run) -> Cell:
    if run.training is None:
        return Cell(MISSING, None)
    return Cell(show_duration(run.training.seconds), run.training.seconds)


def _evaluated_on(run: Run) -> str:
    if run.evaluation is None:
        return 'not evaluated'
    return show_evaluated_on(run.evaluation.name, run.evaluation.record)


def _at_iou(iou: Sequence[float]) -> str:
    return '' if tuple(iou) == COCO_IOU else f'@{_list(iou)}'


def _list(thresholds: Sequence[float]) -> str:
    return ','.join(f'{threshold:g}' for threshold in thresholds)
