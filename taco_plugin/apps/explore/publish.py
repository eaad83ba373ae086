"""Replaces the results of an earlier run, at once and only when all are there."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import InputError

REPORT = 'exploration.json'

_PICTURE = re.compile(r'[A-Za-z0-9_-]+\.(png|jpg)')


@contextmanager
def staged(folder: str | Path) -> Iterator[Path]:
    """A hidden folder within ``folder``, whose files move into that when all went well.

    Pictures that the ``exploration.json`` of an earlier run lists, but this one does not bring,
    are then removed. After an error, ``folder`` is as before.

    Args:
        folder: Is made if need be.

    Raises:
        InputError: If ``folder`` cannot be made or written.
    """
    folder = Path(folder)
    made = next((path for path in [*reversed(folder.parents), folder] if not path.exists()), None)
    stage = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix='.exploration.', dir=folder))
        yield stage
        _move(stage, folder)
    except OSError as error:
        _remove(stage, made)
        raise InputError(
            f'{error.filename or folder}: cannot be written ({error.strerror})'
        ) from None
    except BaseException:
        _remove(stage, made)
        raise
    stage.rmdir()


def _remove(stage: Path | None, made: Path | None) -> None:
    for path in (stage, made):
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)


def _move(stage: Path, folder: Path) -> None:
    names = {path.name for path in stage.iterdir()}
    for name in names:
        if (folder / name).is_dir():
            raise InputError(f'{folder / name}: cannot be written (it is a folder)')
    for name in _listed(folder / REPORT) - names:
        with suppress(OSError):
            (folder / name).unlink()
    for name in sorted(names, key=lambda name: name == REPORT):  # what lists the others is last
        os.replace(stage / name, folder / name)


def _listed(report: Path) -> set[str]:
    try:
        pictures = json.loads(report.read_bytes())['pictures']
        return {name for name in pictures if _PICTURE.fullmatch(name)}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return set()  # none, or not ours
