"""Files that are being written: beside their target, under a name that gives them away."""

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import InputError

_PREFIX, _SUFFIX = '.download-', '.part'


def name_part(path: Path) -> Path:
    """A new name in the folder of ``path``, to be renamed to it when it is complete."""
    return path.with_name(f'{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}')


def discard_part(part: Path) -> None:
    """Removes a file that is not wanted any more, if it is there: it may have been renamed."""
    with suppress(OSError):  # what keeps it from being removed has kept it from being made
        part.unlink()


def remove_parts(folders: Iterable[Path]) -> int:
    """Removes what a killed run has left in these folders; returns how many files."""
    removed = 0
    for folder in folders:
        with suppress(FileNotFoundError, NotADirectoryError):
            for path in folder.glob(f'{_PREFIX}*{_SUFFIX}'):
                path.unlink()
                removed += 1
    return removed


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes a folder and keeps other runs out of it; a run that is killed does not block it.

    Raises:
        InputError: If another run is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f'{folder}: another download into it is running') from None
        yield
    finally:
        os.close(descriptor)
