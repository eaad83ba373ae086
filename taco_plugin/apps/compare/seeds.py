"""Runs that were trained with several seeds, how certain their scores are, and published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ...errors import InputError
from ...evaluation.published import Published, parse_published
from ...evaluation.record import parse_record
from ...json_files import read_json, to_json
from .bootstrap import draw_images, resampled_ap50
from .cells import Cell, Column, Table, compare, number_cell, text_cell
from .read_runs import Run, align_detections, evaluated, read_runs
from .tables import read_metrics
from .text import MISSING

_SAMPLES = 2000
_INTERVAL = (2.5, 97.5)
"""Percentiles of the differences that bound a 95 % interval."""


def read_published(path: str | Path) -> list[Published]:
    """Reads published results.

    Raises:
        InputError: If the file cannot be read or is not a list of them.
    """
    try:
        return parse_published(read_json(path))
    except InputError as error:
        raise InputError(f'{path}: {str(error).removeprefix(f"{path}: ")}') from None


def read_named_runs(given: Sequence[str | Path]) -> list[Run]:
    """Reads runs, each given as its folder, or as ``NAME=FOLDER,FOLDER,...`` with one per seed.

    The record of a run with several seeds has their means. Its detector, training log, boxes and
    pictures are those of the first.

    Raises:
        InputError: As :func:`~.read_runs.read_runs` does, or if the seeds of a run were scored on
            different images or not at all.
    """
    named: list[tuple[str, list[str]]] = []
    for text in map(str, given):
        name, is_named, rest = text.partition('=')
        if not is_named or Path(text).exists():
            named.append(('', [text]))
        elif name in dict(named) or not name:
            raise InputError(
                f'{text}: another run has the same name' if name else f'{text}: no name'
            )
        else:
            named.append((name, rest.split(',')))
    every = iter(read_runs([folder for _, folders in named for folder in folders]))
    runs = []
    for name, folders in named:
        seeds = [next(every) for _ in folders]
        runs.append(_join_seeds(name, seeds) if name else seeds[0])
    return runs


def _join_seeds(name: str, seeds: Sequence[Run]) -> Run:
    records = [seed.record for seed in seeds]
    if len(seeds) > 1:
        keys = {
            record and (record.ground_truth, record.classes, record.settings) for record in records
        }
        if None in keys or len(keys) > 1:
            raise InputError(
                f'{name}: its seeds must all be scored, on the same images and classes'
            )
        parts = [msgspec.json.decode(to_json(asdict(record))) for record in records if record]
        records = [parse_record(_average(parts))]
    return replace(seeds[0], name=name, record=records[0], seeds=tuple(seeds))


def _average(values: Sequence[Any]) -> Any:  # noqa: ANN401
    """The means of all numbers in equal structures; whole numbers are rounded."""
    first = values[0]
    if isinstance(first, dict):
        return {key: _average([value[key] for value in values]) for key in first}
    if isinstance(first, list):
        return [_average(column) for column in zip(*values, strict=True)]
    if not isinstance(first, int | float) or None in values or len(set(values)) == 1:
        return first
    mean = sum(values) / len(values)
    return round(mean) if isinstance(first, int) else mean


def differences(runs: Sequence[Run]) -> dict[str, tuple[float, float]]:
    """95 % intervals of each run's mAP50 less that of the first run, by a paired bootstrap.

    Test images are drawn with replacement, the same for both runs; the score of a run is the mean
    over its seeds. The interval says how the difference depends on which images were taken, not on
    which seeds. The first run and those without boxes have none.
    """
    scored = [run for run in runs if run.boxes and run.record]
    if len(scored) < 2 or scored[0] is not runs[0]:
        return {}
    first = scored[0].boxes
    assert first is not None
    images = list(first.images)
    counts = draw_images(len(images), _SAMPLES)
    scores = {}
    for run in scored:
        assert run.record is not None
        of_seeds = [
            resampled_ap50(
                first.truth,
                align_detections(seed.boxes, first, seed.name, runs[0].name),
                len(run.record.classes),
                images=images,
                counts=counts,
            )
            for seed in run.seeds or [run]
            if seed.boxes
        ]
        scores[run.name] = np.mean(of_seeds, axis=0)
    reference = scores.pop(runs[0].name)
    intervals = {}
    for name, score in scores.items():
        low, high = np.nanpercentile(score - reference, _INTERVAL)
        intervals[name] = float(low), float(high)
    return intervals


def certainty_table(runs: Sequence[Run], intervals: Mapping[str, tuple[float, float]]) -> Table:
    """Ranges over the seeds, and the intervals of :func:`differences`; empty without either."""
    shown = [run for run in runs if run.record]
    if not intervals and not any(len(run.seeds) > 1 for run in shown):
        return Table('Certainty', [])
    metrics = {run.name: read_metrics(run.record) for run in shown if run.record}
    first = next(iter(metrics.values()))
    columns = [
        Column('run', [text_cell(run.name) for run in shown]),
        Column('seeds', [number_cell(len(run.seeds) or 1) for run in shown]),
    ]
    if intervals:
        gains = compare([metrics[run.name]['AP50'] for run in shown])
        columns.append(Column('AP50 difference', [_signed(gain.difference) for gain in gains]))
        bounds = [intervals.get(run.name) for run in shown]
        columns.append(Column('95 % from', [_signed(one and one[0]) for one in bounds]))
        columns.append(Column('95 % to', [_signed(one and one[1]) for one in bounds]))
    for name in [key for key in first if 'AP' in key and ' ' not in key]:
        for end, choose in (('lowest', min), ('highest', max)):
            values = [choose(_of_seeds(run, name), default=None) for run in shown]
            columns.append(Column(f'{name} {end}', [_score(value) for value in values]))
    return Table('Certainty', columns)


def _of_seeds(run: Run, name: str) -> list[float]:
    every = [read_metrics(seed.record)[name] for seed in run.seeds or [run] if seed.record]
    return [value for value in every if value is not None]


def published_table(runs: Sequence[Run], published: Sequence[Published]) -> Table:
    """The runs, and published results below; empty if there are none."""
    if not published:
        return Table('Published results', [])
    rows = []
    for name, record in evaluated(runs).items():
        metrics = read_metrics(record)
        rows.append(Published(name, 'this page', True, len(record.classes), metrics['AP50']))
        rows[-1] = replace(rows[-1], AP=metrics.get('AP'), study_map=metrics.get('mAP25-75'))
    rows += published
    return Table(
        'Published results',
        [
            Column('result', [text_cell(row.name) for row in rows]),
            Column(
                'split', [text_cell('the same' if row.same_split else 'another') for row in rows]
            ),
            Column('classes', [number_cell(row.classes) for row in rows]),
            Column('AP50', [_score(row.AP50) for row in rows]),
            Column('AP', [_score(row.AP) for row in rows]),
            Column('mAP25-75', [_score(row.study_map) for row in rows]),
            Column('source', [text_cell(row.source) for row in rows]),
        ],
    )


def _score(value: float | None) -> Cell:
    return Cell(MISSING, None) if value is None else Cell(f'{value:.3f}', value)


def _signed(value: float | None) -> Cell:
    return Cell(MISSING, None) if value is None else Cell(f'{value:+.3f}'.replace('-', '−'), value)
