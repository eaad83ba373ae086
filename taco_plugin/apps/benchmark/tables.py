"""Costs of detectors as tables for the terminal, in Markdown, CSV and JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from ...evaluation.cost import Cost
from ...json_files import to_json
from ...tables import format_csv, format_table

MARK = '<!-- What follows is written by benchmark_detectors.py. -->'
"""Where the tables of a page begin; what stands before it is kept."""

_Value = float | str | None
_Columns = Mapping[str, Callable[[Cost], _Value]]

_SIZE: _Columns = {
    'detector': lambda cost: cost.name,
    'input (px)': lambda cost: '{} × {}'.format(*cost.input_size) if cost.input_size else None,
    'parameters (M)': lambda cost: _scaled(cost.parameters, 1e-6),
    'FLOPs (G)': lambda cost: _scaled(cost.flops, 1e-9),
    'weights (MB)': lambda cost: cost.weights_size / 1e6,
    'p50 (ms)': lambda cost: cost.latency.p50 * 1e3,
    'p90 (ms)': lambda cost: cost.latency.p90 * 1e3,
    'p99 (ms)': lambda cost: cost.latency.p99 * 1e3,
    'preprocessing (ms)': lambda cost: cost.latency.preprocessing * 1e3,
    'network (ms)': lambda cost: _scaled(cost.latency.network, 1e3),
    'postprocessing (ms)': lambda cost: _scaled(cost.latency.postprocessing, 1e3),
    'memory (MB)': lambda cost: _scaled(cost.latency.peak_memory, 1e-6),
    'runs': lambda cost: str(cost.latency.runs),
}
_SPEED: _Columns = {
    'detector': lambda cost: cost.name,
    'batch time (s)': lambda cost: cost.throughput.p50,
    'BPS': lambda cost: cost.throughput.bps,
    'image time (s)': lambda cost: cost.throughput.image_time,
    'FPS': lambda cost: cost.throughput.fps,
    'preprocessing (s)': lambda cost: cost.throughput.preprocessing,
    'network (s)': lambda cost: cost.throughput.network,
    'postprocessing (s)': lambda cost: cost.throughput.postprocessing,
    'batch memory (MB)': lambda cost: _scaled(cost.throughput.peak_memory, 1e-6),
    'batches': lambda cost: str(cost.throughput.runs),
    'loading (images/s)': lambda cost: cost.loading,
}


def to_text(costs: Sequence[Cost], notes: Sequence[str]) -> str:
    """The tables for the terminal, and notes."""
    blocks = [
        f'{title}\n{format_table(list(columns), _rows(costs, columns))}'
        for title, columns in _titles(costs).items()
    ]
    return '\n\n'.join([describe_conditions(costs), *blocks, *notes])


def to_markdown(costs: Sequence[Cost], notes: Sequence[str], page: str | None) -> str:
    """The tables and notes, below what stands before :data:`MARK` in ``page``, if it is known."""
    head = page.partition(MARK)[0] if page and MARK in page else '# What detectors cost\n\n'
    blocks = [f'{head}{MARK}', describe_conditions(costs)]
    for title, columns in _titles(costs).items():
        lines = [list(columns), ['---', *['---:'] * (len(columns) - 1)], *_rows(costs, columns)]
        table = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
        blocks += [f'## {title}', table]
    return '\n\n'.join([*blocks, *notes]) + '\n'


def to_csv(costs: Sequence[Cost]) -> str:
    """A row per detector with the columns of both tables, all digits, and the conditions."""
    rows = []
    for cost in costs:
        files = {'config': cost.config, 'checkpoint': cost.checkpoint}
        values = {name: value(cost) for name, value in {**_SIZE, **_SPEED}.items()}
        conditions = asdict(cost.conditions)
        batch = {'batch size': cost.throughput.batch_size}
        rows.append(values | files | batch | conditions.pop('versions') | conditions)
    return format_csv(rows)


def format_costs(costs: Sequence[Cost], failed: Mapping[str, str]) -> str:
    """All costs as JSON, and the reasons why others were not measured."""
    return to_json({'costs': list(map(asdict, costs)), 'not_measured': dict(failed)})


def describe_conditions(costs: Sequence[Cost]) -> str:
    """Describes the conditions of all costs, with the versions of all packages, in words."""
    of = costs[0].conditions
    pairs = [pair for cost in costs for pair in cost.conditions.versions.items()]
    versions = ', '.join(f'{package} {version}' for package, version in dict(pairs).items())
    threads, rounds = (
        f'{number} {word}{"s" * (number > 1)}'
        for number, word in ((of.threads, 'thread'), (of.rounds, 'round'))
    )
    return f'{of.device}, {threads}; {versions}; {of.images}; {rounds}; {of.time}.'


def _titles(costs: Sequence[Cost]) -> dict[str, _Columns]:
    size = costs[0].throughput.batch_size
    return {'One image at a time': _SIZE, f'Batches of {size}': _SPEED}


def _rows(costs: Sequence[Cost], columns: _Columns) -> list[list[str]]:
    return [[_show(value(cost)) for value in columns.values()] for cost in costs]


def _show(value: _Value) -> str:
    if value is None:
        return '–'
    return value if isinstance(value, str) else f'{value:.3g}' if value < 100 else f'{value:,.0f}'


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
