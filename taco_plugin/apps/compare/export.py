"""A comparison as CSV and as Markdown."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...files import write_files
from .groups import compare_groups, describe_group, name_unevaluated
from .run import Evaluation, Run, Training
from .tables import (
    THRESHOLD,
    Cell,
    Table,
    class_tables,
    evaluated,
    model_table,
    per_class,
    read_figures,
    score_table,
    subtract,
)
from .text import show_classes, show_evaluated_on, show_text

Row = dict[str, str | float | None]

CSV_NAME, MARKDOWN_NAME = 'comparison.csv', 'comparison.md'

_FORMULA = ('=', '+', '-', '@')


def write_tables(folder: str | Path, groups: Sequence[Sequence[Run]]) -> None:
    """Writes ``comparison.csv`` and ``comparison.md``, both completely or neither.

    Args:
        folder: Is made if need be.
        groups: Runs that can be ranked together.

    Raises:
        InputError: If one cannot be written.
    """
    write_files(folder, {CSV_NAME: to_csv(groups), MARKDOWN_NAME: to_markdown(groups)})


def to_csv(groups: Sequence[Sequence[Run]]) -> str:
    """A row per run; numbers have all their digits, and a cell is empty where there is none.

    ``AP50 difference`` is that from the first run of the group that was evaluated, and
    ``AP50: Can`` the figure of a class. A text that a spreadsheet would take for a formula begins
    with ``'``.
    """
    parts = [part for number, runs in enumerate(groups, start=1) for part in _rows(number, runs)]
    columns = dict.fromkeys(
        name for kind in zip(*parts, strict=True) for row in kind for name in row
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator='\n')
    writer.writeheader()
    for facts, figures, of_classes in parts:
        row = facts | figures | of_classes
        writer.writerow({name: _neutralise(value) for name, value in row.items()})
    return text.getvalue()


def _rows(group: int, runs: Sequence[Run]) -> Iterator[tuple[Row, Row, Row]]:
    """Facts, figures and figures of the classes of each run."""
    first = next((read_figures(evaluation) for _, evaluation in evaluated(runs)), {})
    reference = next((run for run, _ in evaluated(runs)), None)
    for run in runs:
        figures, of_classes = Row(), Row()
        if run.evaluation:
            for name, figure in read_figures(run.evaluation).items():
                figures[name] = figure
                if name != THRESHOLD:
                    other = None if run is reference else first.get(name)
                    figures[f'{name} difference'] = subtract(figure, other)
            of_classes = _figures_of_classes(run.evaluation)
        yield {'group': group} | _facts(run), figures, of_classes


def _facts(run: Run) -> Row:
    model, evaluation = run.model, run.evaluation
    width, height = model.input_size or (None, None)
    facts: Row = {
        'run': run.name,
        'folder': str(run.folder),
        'config': model.config,
        'detector': model.detector,
        'taxonomy': model.taxonomy,
        'loss': model.loss,
        'input_width': width,
        'input_height': height,
        'parameters': model.parameters,
        'flops': model.flops,
        **_training_facts(run.training),
    }
    if evaluation is None:
        return facts | {'evaluated_on': 'not evaluated'}
    record = evaluation.record
    return facts | {
        'evaluated_on': show_evaluated_on(evaluation.name, record),
        'checkpoint': (record['run'] or {}).get('checkpoint'),
        'ann_file': record['ann_file'],
        'images': record['images'],
        'classes': len(record['classes']),
        'true_boxes': record['boxes']['truth'],
        'detections': record['boxes']['found'],
    }


def _training_facts(training: Training | None) -> Row:
    if training is None:
        return {}
    return {
        'epochs': training.epochs,
        'planned_epochs': training.planned_epochs,
        'iterations': training.iterations,
        'training_seconds': training.seconds,
    }


def _figures_of_classes(evaluation: Evaluation) -> Row:
    record = evaluation.record
    classes = show_classes(record['classes'])
    return {
        f'{name}: {shown}': figure
        for name in ('AP50', 'AP')
        for shown, figure in zip(classes, per_class(record, name), strict=True)
    }


def _neutralise(value: str | float | None) -> str | float | None:
    """A text as a spreadsheet shows it, and does not compute it."""
    if not isinstance(value, str):
        return value
    shown = show_text(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def to_markdown(groups: Sequence[Sequence[Run]]) -> str:
    """The tables of each group; the best figures are bold, with differences from the first run."""
    lines = [*_paragraphs(compare_groups(groups))]
    for number, runs in enumerate(groups, start=1):
        heading = f'Group {number}: ' if len(groups) > 1 else ''
        lines += [f'## {heading}{_escape(describe_group(runs))}', '']
        lines += _paragraphs(name_unevaluated(runs))
        for table in (score_table(runs), model_table(runs), *class_tables(runs)):
            if table.rows:
                lines += [f'### {_escape(table.title)}', '', *_lines(table), '']
    return '\n'.join(lines)


def _paragraphs(sentences: Sequence[str]) -> Iterator[str]:
    for sentence in sentences:
        yield from (_escape(sentence), '')


def _lines(table: Table) -> Iterator[str]:
    yield f'| {" | ".join(map(_escape, table.columns))} |'
    yield f'|{"|".join("---:" if is_number else "---" for is_number in table.numeric)}|'
    for row in table.rows:
        yield f'| {" | ".join(map(_show_cell, row))} |'


def _show_cell(cell: Cell) -> str:
    text = f'**{_escape(cell.text)}**' if cell.best else _escape(cell.text)
    return f'{text} ({cell.difference})' if cell.difference else text


def _escape(text: str) -> str:
    r"""A text in which Markdown and HTML find nothing to do.

    >>> _escape('a|b <i> *c*')
    'a\\|b &lt;i&gt; \\*c\\*'
    """
    text = text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
    return ''.join(f'\\{sign}' if sign in '\\`*_|[]#~' else sign for sign in text)
