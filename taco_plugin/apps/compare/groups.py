"""What a group of runs was scored on, in words."""

from collections.abc import Sequence

from ...evaluation.record import Record
from .run import Run
from .tables import evaluated
from .text import show_text


def describe_group(runs: Sequence[Run]) -> str:
    """What the runs were scored on."""
    known = evaluated(runs)
    if not known:
        return 'not evaluated'
    record = known[0][1].record
    of = f' of {show_text(record["taxonomy"])}' if record['taxonomy'] else ''
    return (
        f'{_number(record["images"], "image")}, '
        f'{_number(record["boxes"]["truth"], "true box", "true boxes")}, '
        f'{_number(len(record["classes"]), "class", "classes")}{of}'
    )


def compare_groups(groups: Sequence[Sequence[Run]]) -> list[str]:
    """Sentences that say why runs of several groups are not ranked together; [] of one group."""
    if len(groups) < 2:
        return []
    sentences = [
        'Runs of different images, classes or settings of the score are not ranked together: a '
        'figure of one group says nothing about a figure of another.'
    ]
    numbered = [
        (number, known[0][1].record)
        for number, runs in enumerate(groups, start=1)
        if (known := evaluated(runs))
    ]
    first_number, first = numbered[0] if numbered else (0, Record())
    for number, record in numbered[1:]:
        differences = ', '.join(_differences(record, first))
        sentences.append(f'Group {number} differs from group {first_number} in {differences}.')
    return sentences


def name_unevaluated(runs: Sequence[Run]) -> list[str]:
    """A sentence that names the runs without an evaluation; [] if there is none."""
    names = [show_text(run.name) for run in runs if run.evaluation is None]
    return [f'Not evaluated, so without figures: {", ".join(names)}.'] if names else []


def _differences(record: Record, first: Record) -> list[str]:
    pairs = [
        ('images', record['images'], first['images']),
        ('true boxes', record['boxes']['truth'], first['boxes']['truth']),
        ('classes', len(record['classes']), len(first['classes'])),
        ('taxonomy', record['taxonomy'], first['taxonomy']),
        ('annotation file', record['ann_file'], first['ann_file']),
    ]
    found = [f'{what} ({_show(one)}, not {_show(two)})' for what, one, two in pairs if one != two]
    if len(record['classes']) == len(first['classes']) and record['classes'] != first['classes']:
        found.append('the names of the classes')
    elif record['ground_truth'] != first['ground_truth'] and not any(
        one != two for _, one, two in pairs[:3]
    ):
        found.append('the images or boxes themselves, though their numbers are the same')
    settings = record['settings'], first['settings']
    changed = [name for name in settings[0] if settings[0][name] != settings[1].get(name)]
    return found + [f'the setting {name}' for name in changed]


def _show(value: object) -> str:
    return 'none' if value is None else show_text(value)


def _number(count: int, one: str, many: str | None = None) -> str:
    return f'{count:,} {one if count == 1 else many or one + "s"}'
