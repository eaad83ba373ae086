"""How names and figures are written for people."""

import re
from collections.abc import Sequence

from ...evaluation.record import Record
from ..explore.names import make_distinct

MISSING = '–'
"""Stands for a figure without ground truth, and for what is not known."""

# Control signs, half characters that UTF-8 lacks, and signs that turn the direction of writing.
_UNSEEN = re.compile('[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]')


def show_text(text: object) -> str:
    r"""A name as one line that every file can hold.

    White space of any kind becomes a space, and what cannot be seen or encoded ``\ufffd``.

    >>> show_text('Drink\n can\x1b')
    'Drink can\ufffd'
    """
    return _UNSEEN.sub('\ufffd', ' '.join(str(text).split()))


def show_classes(names: Sequence[object]) -> list[str]:
    """Names of classes: each can be seen, and none occurs twice.

    >>> show_classes(['Can', ' ', 'Can'])
    ['Can', 'class 1 (no name)', 'Can (2)']
    """
    texts = [show_text(name) or f'class {label} (no name)' for label, name in enumerate(names)]
    return make_distinct(texts)


def show_figure(figure: float | None) -> str:
    """A figure in [0, 1].

    >>> show_figure(0.51246)
    '0.512'
    """
    return MISSING if figure is None else f'{figure:.3f}'


def show_difference(difference: float) -> str:
    """A difference with its sign, which is there for a zero only where it was rounded.

    >>> show_difference(0.0123), show_difference(-0.0004), show_difference(0)
    ('+0.012', '−0.000', '±0.000')
    """
    sign = '±' if difference == 0 else '+' if difference > 0 else '−'
    return f'{sign}{abs(difference):.3f}'


def show_duration(seconds: float) -> str:
    """A time that a training took.

    >>> show_duration(59.6), show_duration(3599), show_duration(93780)
    ('1 min 00 s', '59 min 59 s', '26 h 03 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f'{minutes} min {rest:02} s' if minutes else f'{rest} s'
    return f'{minutes // 60} h {minutes % 60:02} min'


def show_evaluated_on(name: str, record: Record) -> str:
    """What an evaluation was of: the test, or the validation after some epoch or iteration.

    Args:
        name: ``test``, or ``val_`` and an epoch.
        record: See :func:`~taco_plugin.evaluation.record.make_record`.
    """
    if name == 'test':
        return 'test'
    epoch = (record['run'] or {}).get('epoch')
    when = name.removeprefix('val_')
    return f'validation of {"iteration" if epoch is None else "epoch"} {show_text(when)}'
