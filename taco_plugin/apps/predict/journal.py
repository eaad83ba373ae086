"""What is predicted so far, line by line, so that a run which was killed can be resumed."""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import check_writable, is_vacant, write_files
from ...json_files import read_json, to_json

_FOLDER = '.journal'

Entry = dict[str, Any]
"""A :data:`~.detector.Prediction` with the index of its ``source``, for a gallery the ``place`` of
a photograph, and of a video the number of its ``frame``; or a ``source`` and its number of
``frames`` after the last of a video; or a ``source`` and the ``error`` of a file that could not be
read."""


def begin(out: str, settings: dict[str, Any], *, resume: bool) -> None:
    """Notes the settings of a new run in an empty folder, or compares them with those noted.

    Raises:
        InputError: If the folder cannot be written, holds something that is not to be resumed, or
            was begun with other settings; names the one that differs.
    """
    if os.path.lexists(out) and not os.path.isdir(out):
        raise InputError(f'{out}: a file; give a folder')
    check_writable(out)
    noted = Path(out, _FOLDER, 'settings.json')
    if is_vacant(out):
        write_files(noted.parent, {noted.name: to_json(settings)})
    elif not resume or not noted.is_file():
        advice = 'add --resume to go on with it, or give' if noted.is_file() else 'give'
        raise InputError(f'{out}: is there and not empty; {advice} a new folder')
    else:
        before = read_json(noted)
        for key, value in settings.items():
            if before.get(key) != value:
                change = _describe_change(before.get(key), value)
                raise InputError(f'{out}: begun with other {key} ({change}); give a new folder')


def _describe_change(before: object, now: object) -> str:
    if not isinstance(before, list) or not isinstance(now, list):
        return f'{before}, not {now}'
    less, more = (next(iter(set(a) - set(b)), None) for a, b in ((before, now), (now, before)))
    return f'without {more}' if more else f'with {less}' if less else 'in another order'


class Journal:
    """Appends entries to a file that no other process writes, each whole and at once."""

    def __init__(self, out: str) -> None:
        self._path = Path(out, _FOLDER, f'{os.urandom(8).hex()}.jsonl')

    def append(self, entry: Entry) -> None:
        """Writes an entry."""
        with self._path.open('a', encoding='utf-8') as file:
            file.write(json.dumps(entry) + '\n')


def read_journal(out: str) -> tuple[dict[int, list[Entry]], dict[int, str]]:
    """Reads what the processes of all starts have written; a torn last line is left out.

    Returns:
        Index of each source -> what was predicted in it, of a video if it was finished; and of
        each that could not be read, or not to its end -> the reason.
    """
    found: dict[int, list[Entry]] = {}
    failed: dict[int, str] = {}
    for path in sorted(Path(out, _FOLDER).glob('*.jsonl')):
        of_videos: dict[int, list[Entry]] = defaultdict(list)
        text = path.read_text(encoding='utf-8')
        for entry in map(json.loads, text[: text.rfind('\n') + 1].splitlines()):
            index = entry['source']
            if 'error' in entry:
                failed[index] = entry['error']
            elif 'frame' in entry:
                of_videos[index].append(entry)
            else:
                found[index] = of_videos[index] if 'frames' in entry else [entry]
    for index, entries in found.items():
        if entries and 'frame' not in entries[0]:  # a photograph that could be read at last
            failed.pop(index, None)
    return found, failed
