"""Files: JSON, tables, and atomic writing, which completes or leaves everything as it was."""

import errno
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import InputError


def read_json(path: str | Path) -> Any:  # noqa: ANN401
    """Reads a JSON file; ``Infinity`` and ``NaN`` are accepted, as in Python's ``json``.

    Raises:
        InputError: If the file cannot be read or is not JSON; says where.
    """
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    except json.JSONDecodeError as error:
        where = f'line {error.lineno}, column {error.colno}'
        raise InputError(f'{path}, {where}: broken JSON ({error.msg})') from None
    except UnicodeDecodeError:
        raise InputError(f'{path}: not JSON (not even text)') from None
    except RecursionError:
        raise InputError(f'{path}: nested too deeply') from None
    except ValueError:  # Python refuses to convert whole numbers of thousands of digits
        raise InputError(f'{path}: holds a number that is too large') from None


def to_json(value: Any, indent: int | None = None) -> str:  # noqa: ANN401
    r"""Serializes a value as strict JSON, with a line break at the end.

    Args:
        value: Anything that JSON can represent; numbers must be finite.
        indent: Spaces per level; None for a single line.

    Raises:
        InputError: If a number is not finite; says where.

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
        reason = f'which has no Infinity and no NaN: {where}'
        raise InputError(f'cannot be written as JSON, {reason}') from None


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
    """Writes text files into a folder; if anything fails, the folder is left as it was.

    Args:
        folder: Created if missing.
        texts: Path in ``folder`` -> text to write; None removes the file.

    Raises:
        InputError: If a file cannot be written; names it.
    """
    paths = {Path(folder) / name: text for name, text in texts.items()}
    with _removing_folders(*(path.parent for path in paths)), _naming_errors(folder):
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        _replace_files(paths)


def write_file(path: str | Path, write: Callable[[Path], object]) -> None:
    """Writes a temporary file and renames it, so that the file is written whole or not at all.

    Args:
        path: The file to write; its folder is created if missing.
        write: Called with the temporary path, to which it must write the file.

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


@contextmanager
def stage_folder(folder: str | Path) -> Iterator[Path]:
    """Yields a new hidden folder in ``folder``; on success its files are moved to ``folder``.

    Files of the same name are replaced one by one; other files stay. ``folder`` is created if
    missing. After an error, only what this call created is removed: the hidden folder, and parents
    that are empty.

    Raises:
        InputError: If ``folder`` cannot be created or written.
    """
    folder = Path(folder)
    with _removing_folders(folder), _naming_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix='.new.', dir=folder))
        try:
            yield stage
            for path in stage.iterdir():
                os.replace(path, folder / path.name)
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def check_writable(folder: str | Path) -> None:
    """Raises an InputError early if a folder neither exists nor can be created."""
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
        for leftover in (*new.values(), *old.values()):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


def _beside(path: Path, role: str) -> Path:
    """Hidden path unique to this process, in the same folder so that renaming cannot fail."""
    return path.with_name(f'.{path.name}.{os.getpid()}.{role}')


@contextmanager
def _naming_errors(folder: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename or folder
        raise InputError(f'{place}: cannot be written ({error.strerror})') from None


@contextmanager
def _removing_folders(*folders: Path) -> Iterator[None]:
    """Removes, on exit, the folders and parents that were created meanwhile but are empty."""
    paths = {path for folder in folders for path in [folder, *folder.parents]}
    missing = [path for path in paths if not path.exists()]
    try:
        yield
    finally:
        for path in sorted(missing, key=lambda path: len(path.parts), reverse=True):
            with suppress(OSError):
                path.rmdir()


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligns a table for the terminal: the first column to the left, the others to the right.

    >>> print(format_table(['class', 'boxes'], [['Can', '273'], ['Battery', '2']]))
    class    boxes
    Can        273
    Battery      2
    """
    columns = []
    for index, column in enumerate(zip(header, *rows, strict=True)):
        width = max(map(len, column))
        columns.append([cell.rjust(width) if index else cell.ljust(width) for cell in column])
    return '\n'.join('  '.join(line).rstrip() for line in zip(*columns, strict=True))
