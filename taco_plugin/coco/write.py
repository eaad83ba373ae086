"""Writes files: all of them completely, or none."""

import errno
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import InputError


def to_json(value: Any, indent: int | None = None) -> str:  # noqa: ANN401
    r"""Strict JSON with a line break at its end.

    Args:
        value: What JSON can hold; numbers must be finite.
        indent: Spaces per level; None for a single line.

    Raises:
        InputError: If a number is not finite; says where.

    Example:
        >>> to_json({'bbox': [0, 1.5]})
        '{"bbox":[0,1.5]}\n'
    """
    separators = None if indent else (',', ':')
    try:
        return json.dumps(value, allow_nan=False, indent=indent, separators=separators) + '\n'
    except RecursionError:
        raise InputError('cannot be written as JSON: nested too deeply') from None
    except ValueError:
        where = next(_find_not_finite(value, ''), 'a number')
        raise InputError(
            f'cannot be written as JSON, which has no Infinity and no NaN: {where}'
        ) from None


def _find_not_finite(value: object, where: str) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield f'{where} is {value}'
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _find_not_finite(item, f'{where}.{key}' if where else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _find_not_finite(item, f'{where}[{index}]')


def write_files(folder: str | Path, texts: Mapping[str, str | None]) -> None:
    """Writes text files into a folder; if anything fails, the folder is as before.

    Args:
        folder: Is made if need be.
        texts: What each file is to hold, by its path in ``folder``; None removes the file, if it
            is there.

    Raises:
        InputError: If a file cannot be written; names it.
    """
    paths = {Path(folder) / name: text for name, text in texts.items()}
    folders = _missing_folders(paths)
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        _replace_files(paths)
    except OSError as error:
        _remove_folders(folders)
        raise InputError(
            f'{error.filename or folder}: cannot be written ({error.strerror})'
        ) from None
    except BaseException:
        _remove_folders(folders)
        raise


def write_file(path: str | Path, write: Callable[[Path], object]) -> None:
    """Has a file written beside its place and then renames it: it is written whole, or not at all.

    Args:
        path: Its folder is made if need be.
        write: Writes the file to the path that it is given.

    Raises:
        InputError: If the file cannot be written; names it.
    """
    path = Path(path)
    beside = _beside(path, 'new')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(beside)
        os.replace(beside, path)
    except OSError as error:
        raise InputError(f'{path}: cannot be written ({error.strerror})') from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def check_writable(folder: str | Path) -> None:
    """Checks, before the work is done, that a folder is there or can be made.

    Raises:
        InputError: If it cannot.
    """
    existing = Path(folder).absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(f'{folder}: cannot be written ({existing} is no folder)')
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f'{folder}: cannot be written (no permission in {existing})')


def _replace_files(texts: Mapping[Path, str | None]) -> None:
    new = {path: _beside(path, 'new') for path in texts}
    old = {path: _beside(path, 'old') for path in texts}
    done: list[tuple[Path, Path]] = []
    try:
        for path, text in texts.items():
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, 'it is a folder', str(path))
            if text is not None:
                new[path].write_text(text, encoding='utf-8')
        for path, text in texts.items():
            if path.exists():
                os.replace(path, old[path])
                done.append((path, old[path]))
            if text is not None:
                os.replace(new[path], path)
                done.append((new[path], path))
    except BaseException:
        for source, target in reversed(done):
            os.replace(target, source)
        raise
    finally:
        for path in texts:
            for leftover in (new[path], old[path]):
                with suppress(OSError):
                    leftover.unlink(missing_ok=True)


def _beside(path: Path, role: str) -> Path:
    """Hidden, in the same folder so that renaming cannot fail, and this process's own."""
    return path.with_name(f'.{path.name}.{os.getpid()}.{role}')


def _missing_folders(paths: Mapping[Path, str | None]) -> list[Path]:
    folders = {folder for path in paths for folder in path.parents if not folder.exists()}
    return sorted(folders, key=lambda folder: len(folder.parts), reverse=True)


def _remove_folders(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
