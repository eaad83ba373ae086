"""Names of files and classes, made fit to be shown."""

import re
from collections.abc import Sequence
from pathlib import Path

from ...errors import InputError

_LONGEST = 32
_LONGEST_LABEL = 24


def printable(name: str, longest: int = _LONGEST) -> str:
    r"""A name for terminals and figures: one line, not too long, unprintable characters escaped.

    >>> printable('Can\n\x1b[31m')
    'Can\\n\\x1b[31m'
    """
    shown = ''.join(
        character if character.isprintable() else character.encode('unicode_escape').decode()
        for character in name[:longest]
    )
    return shown if max(len(shown), len(name)) <= longest else f'{shown[: longest - 1]}…'


def make_distinct(names: Sequence[str], form: str = '{} ({})') -> list[str]:
    """Numbers those that occur before.

    >>> make_distinct(['a', 'b', 'a', 'a'])
    ['a', 'b', 'a (2)', 'a (3)']
    """
    taken: set[str] = set()
    distinct = []
    for name in names:
        number, new = 1, name
        while new in taken:
            number += 1
            new = form.format(name, number)
        taken.add(new)
        distinct.append(new)
    return distinct


def label_files(paths: Sequence[str]) -> list[str]:
    """A short name for each file: its own without suffix, after as many folders as tell it apart.

    Raises:
        InputError: If a file is given twice.

    >>> label_files(['a/annotations/train.json', 'a/annotations/val.json'])
    ['train', 'val']
    >>> label_files(['a/test.json', 'b/test.json'])
    ['a/test', 'b/test']
    """
    whole = [Path(path).resolve().with_suffix('').parts for path in paths]
    resolved = [Path(path).resolve() for path in paths]
    for path, place in zip(paths, resolved, strict=True):
        if resolved.count(place) > 1:
            raise InputError(f'{path}: given twice')
    depth = 1
    while depth < max(map(len, whole)) and len({p[-depth:] for p in whole}) < len({*whole}):
        depth += 1
    return make_distinct([printable('/'.join(p[-depth:]), _LONGEST_LABEL) for p in whole])


def file_parts(labels: Sequence[str]) -> list[str]:
    """Parts of file names for labels, different even where case is ignored.

    >>> file_parts(['a/test', 'a_test', 'Train'])
    ['a_test', 'a_test_2', 'train']
    """
    safe = [re.sub(r'[^A-Za-z0-9-]+', '_', label).lower() for label in labels]
    return make_distinct(safe, '{}_{}')
