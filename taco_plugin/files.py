"""Files: JSON, tables, and writing that leaves everything complete or everything as it was."""

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
    """What a JSON file holds; ``Infinity`` and ``NaN`` are read as Python does.

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


@contextmanager
def stage_folder(folder: str | Path) -> Iterator[Path]:
    """A new hidden folder within ``folder``, whose files move there when all went well.

    Files of the same name are replaced one by one; other files stay. After an error only what this
    call made is removed again: its own hidden folder, and parents that are empty.

    Args:
        folder: Is made if need be.

    Raises:
        InputError: If ``folder`` cannot be made or written.
    """
    folder = Path(folder)
    made = [path for path in [folder, *folder.parents] if not path.exists()]
    stage = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix='.new.', dir=folder))
        yield stage
        for path in stage.iterdir():
            os.replace(path, folder / path.name)
    except OSError as error:
        place = error.filename or folder
        raise InputError(f'{place}: cannot be written ({error.strerror})') from None
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)
        _remove_folders(made)  # those that are empty


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


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligns a table for the terminal: the first column to the left, the others to the right.

    Args:
        header: Name of each column.
        rows: Cells, as many per row as there are columns.

    Example:
        >>> print(format_table(['class', 'boxes'], [['Can', '273'], ['Battery', '2']]))
        class    boxes
        Can        273
        Battery      2
    """
    lines = [header, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return '\n'.join(
        '  '.join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
