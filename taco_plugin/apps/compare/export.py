"""A comparison as CSV and as Markdown."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from ...evaluation.record import Record
from ...tables import format_csv
from . import tables, text
from .cells import Cell, Column, Table
from .page import Section
from .read_runs import Run


def to_csv(groups: Sequence[Sequence[Run]]) -> str:
    """A row per run; numbers have all their digits, and a cell is empty where there is none.

    ``AP50 difference`` is that from the first run of the group that was evaluated, and
    ``AP50: Can`` the metric of a class.
    """
    rows = []
    for number, runs in enumerate(groups, start=1):
        scores = tables.score_table(runs)
        metrics = iter(scores.rows)
        for run in runs:
            rows.append({'group': number} | _facts(run))
            if run.record:
                rows[-1] |= _metrics(run.record, scores.columns, next(metrics))
    return format_csv([{name: _show(value) for name, value in row.items()} for row in rows])


def _show(value: object) -> object:
    return text.show_text(value) if isinstance(value, str) else value


def _facts(run: Run) -> dict[str, object]:
    """What is known of a run; the columns are the same for every run."""
    model, training, record, cost = asdict(run.model), run.training, run.record, run.cost
    model['input_width'], model['input_height'] = model.pop('input_size') or (None, None)
    return {
        'run': run.name,
        'folder': str(run.folder),
        'seeds': len(run.seeds) or 1,
        **model,
        'epochs': training and training.epochs,
        'planned_epochs': training and training.planned_epochs,
        'iterations': training and training.iterations,
        'training_seconds': training and training.seconds,
        'latency_seconds': cost and cost.latency.p50,
        'fps': cost and cost.throughput.fps,
        'peak_memory': cost and cost.latency.peak_memory,
        'measured_on': cost and cost.conditions.device,
        'evaluated_on': text.show_evaluated_on(run),
        'checkpoint': record and record.run and record.run.checkpoint,
        'ann_file': record and record.ann_file,
        'images': record and record.images,
        'classes': record and len(record.classes),
        'true_boxes': record and record.boxes.truth,
        'detections': record and record.boxes.detections,
    }


def _metrics(record: Record, columns: Sequence[Column], cells: Sequence[Cell]) -> dict[str, object]:
    """Metrics with their differences, as the table of scores has them, and those of each class."""
    metrics: dict[str, object] = {}
    for column, cell in list(zip(columns, cells, strict=True))[2:]:
        metrics[column.title] = cell.value
        if column.ranked:
            metrics[f'{column.title} difference'] = cell.difference
    for name in ('AP50', 'AP'):
        values = zip(record.classes, tables.per_class(record, name), strict=True)
        metrics |= {f'{name}: {text.show_text(shown)}': value for shown, value in values}
    return metrics


def to_markdown(sections: Sequence[Section]) -> str:
    """The tables of each section; best metrics are bold, with differences from the first run."""
    groups = [section.runs for section in sections]
    blocks = list(map(_escape, text.compare_groups(groups)))
    for number, section in enumerate(sections, start=1):
        runs = section.runs
        heading = f'Group {number}: ' if len(groups) > 1 else ''
        blocks.append(f'## {heading}{_escape(text.describe_group(runs))}')
        blocks += map(_escape, text.name_unevaluated(runs))
        every = (
            tables.score_table(runs),
            *section.extra_tables,
            tables.model_table(runs),
            *tables.class_tables(runs),
        )
        blocks += ['\n'.join(_draw_table(table)) for table in every if table.rows]
    return '\n\n'.join(blocks) + '\n'


def _draw_table(table: Table) -> Iterator[str]:
    yield f'### {_escape(table.title)}\n'
    yield f'| {" | ".join(_escape(column.title) for column in table.columns)} |'
    yield f'|{"|".join("---:" if column.numeric else "---" for column in table.columns)}|'
    for row in table.rows:
        yield f'| {" | ".join(map(_draw_cell, row))} |'


def _draw_cell(cell: Cell) -> str:
    shown = f'**{_escape(cell.text)}**' if cell.best else _escape(cell.text)
    return f'{shown} ({cell.change})' if cell.change else shown


def _escape(name: str) -> str:
    r"""A text in which Markdown and HTML find nothing to do.

    >>> _escape('a|b <i> *c*')
    'a\\|b &lt;i&gt; \\*c\\*'
    """
    name = html.escape(name, quote=False)
    return re.sub(r'([\\`*_|\[\]#~])', r'\\\1', name)
