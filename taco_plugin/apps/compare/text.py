"""Names and groups of runs in words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from ...evaluation.cost import Conditions
from ...evaluation.record import Record
from .read_runs import Run, evaluated

MISSING = '–'
"""Stands for a metric without ground truth, and for what is not known."""

# Control signs, half characters that UTF-8 lacks, and signs that turn the direction of writing.
_UNSEEN = re.compile('[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]')


def show_text(text: object) -> str:
    r"""A name as one line that every file can hold.

    White space of any kind becomes a space, and what cannot be seen or encoded ``\ufffd``.
    """
    return _UNSEEN.sub('\ufffd', ' '.join(str(text).split()))


def show_evaluated_on(run: Run) -> str:
    """What a run was evaluated on: the test, or the validation after some epoch or iteration."""
    name, of = run.evaluation or 'not evaluated', run.record and run.record.run
    unit = 'epoch' if of and of.epoch is not None else 'iteration'
    return show_text(name.replace('val_', f'validation of {unit} '))


def show_place(conditions: Conditions) -> str:
    """Where costs were measured: those of other machines cannot be ranked with them."""
    threads = conditions.threads
    return show_text(f'{conditions.device}, {threads} thread{"s" * (threads > 1)}')


def describe_group(runs: Sequence[Run]) -> str:
    """What the runs were scored on."""
    record = next(iter(evaluated(runs).values()), None)
    if record is None:
        return 'not evaluated'
    counts = (
        (record.images, 'image', 'images'),
        (record.boxes.truth, 'true box', 'true boxes'),
        (len(record.classes), 'class', 'classes'),
    )
    words = ', '.join(f'{count:,} {one if count == 1 else many}' for count, one, many in counts)
    return words + (f' of {show_text(record.taxonomy)}' if record.taxonomy else '')


def compare_groups(groups: Sequence[Sequence[Run]]) -> list[str]:
    """Sentences that say why runs of several groups are not ranked together; [] of one group."""
    if len(groups) < 2:
        return []
    sentences = [
        'Runs of different images, classes or settings of the score are not ranked together: a '
        'metric of one group says nothing about a metric of another.'
    ]
    firsts = [next(iter(evaluated(runs).values()), None) for runs in groups]
    records = [(number, record) for number, record in enumerate(firsts, start=1) if record]
    for number, record in records[1:]:
        differences = ', '.join(_differences(record, records[0][1]))
        sentences.append(f'Group {number} differs from group {records[0][0]} in {differences}.')
    return sentences


NOTES = {
    'Certainty': (
        'A run with several seeds has their means above, and here the lowest and the highest; the '
        'plots of its training and its images are those of its first seed. Between the two bounds '
        'lie 95 % of the differences in AP50 from the first run on test images drawn with '
        'replacement (paired bootstrap): if they have the same sign, the difference does not hang '
        'on which images were tested. It may still hang on the seeds.'
    ),
    'Published results': (
        'Results on another split or with other classes cannot be ranked with those of this page.'
    ),
}
"""What tables need said below them, by their titles."""


def name_unevaluated(runs: Sequence[Run]) -> list[str]:
    """A sentence that names the runs without an evaluation; [] if there is none."""
    names = [show_text(run.name) for run in runs if run.record is None]
    return [f'Not evaluated, so without metrics: {", ".join(names)}.'] if names else []


def _differences(record: Record, first: Record) -> Iterator[str]:
    def sizes(of: Record) -> dict[str, object]:
        return {'images': of.images, 'true boxes': of.boxes.truth, 'classes': len(of.classes)}

    def facts(of: Record) -> dict[str, object]:
        return {**sizes(of), 'taxonomy': of.taxonomy, 'annotation file': of.ann_file}

    known = facts(first)
    for what, value in facts(record).items():
        if value != known[what]:
            yield f'{what} ({show_text(value or "none")}, not {show_text(known[what] or "none")})'
    if len(record.classes) == len(first.classes) and record.classes != first.classes:
        yield 'the names of the classes'
    elif record.ground_truth != first.ground_truth and sizes(record) == sizes(first):
        yield 'the images or boxes themselves, though their numbers are the same'
    settings = asdict(first.settings)
    for name, setting in asdict(record.settings).items():
        if setting != settings[name]:
            yield f'the setting {name}'
