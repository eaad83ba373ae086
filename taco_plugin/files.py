"""Atomic writing of files: it completes, or leaves everything as it was."""

import errno
import os
import shutil
import signal
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from .errors import InputError


def write_files(folder: str | Path, texts: Mapping[str, str | None]) -> None:
    """Writes text files into a folder; if anything fails, the folder is left as it was.

    Args:
        folder: Created if missing.
        texts: Path in ``folder`` -> text to write; None removes the file.

    Raises:
        InputError: If a file cannot be written; names it.
    """
    removed = [name for name, text in texts.items() if text is None]
    with stage_folder(folder, removed) as stage:
        for name, text in texts.items():
            if text is not None:
                with _naming_errors(stage / name):
                    (stage / name).parent.mkdir(parents=True, exist_ok=True)
                    (stage / name).write_text(text, encoding='utf-8')


def write_file(path: str | Path, write: Callable[[Path], object]) -> None:
    """Writes a file whole or not at all.

    Args:
        path: The file to write; its folder is created if missing.
        write: Called with a temporary path, to which it must write the file.

    Raises:
        InputError: If the file cannot be written, or another that ``write`` needs not be read;
            names it.
    """
    path = Path(path)
    with _naming_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with stage_folder(path.parent) as stage, _naming_errors(stage / path.name):
        write(stage / path.name)


@contextmanager
def stage_folder(folder: str | Path, removed: Collection[str] = ()) -> Iterator[Path]:
    """Yields a hidden folder in ``folder``; on success all that is in it is moved to ``folder``.

    Files of the same name are replaced; other files stay. After an error, everything is as before:
    the hidden folder is removed, and so are parents that this call created, if they are empty. What
    a killed run has left in ``folder`` is removed first.

    Args:
        folder: Created if missing.
        removed: Paths in ``folder`` of files to remove.

    Raises:
        InputError: If ``folder`` cannot be created or written; names the file.
    """
    folder = Path(folder)
    stage = folder / f'.new.{os.urandom(4).hex()}'
    new, old = stage / 'new', stage / 'old'
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    with ExitStack() as until_end:
        try:
            with _naming_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
                with locked(folder):
                    _remove_leftovers(folder)
                    new.mkdir(parents=True)
                    until_end.enter_context(locked(stage))
                yield new
                with locked(folder), _uninterrupted():
                    unlinked = ((None, folder / path) for path in removed)
                    _move([*unlinked, *_list_moves(new, folder)], folder, old)
        except InputError as error:
            raise InputError(str(error).replace(str(new), str(folder))) from error
        finally:
            with _uninterrupted():
                shutil.rmtree(stage, ignore_errors=True)
                for path in missing:
                    with suppress(OSError):  # it is not empty, or was not created
                        path.rmdir()


def is_vacant(folder: str | Path) -> bool:
    """Whether a folder is missing, or holds at most what :func:`stage_folder` makes in it."""
    path = Path(folder)
    return not path.exists() or all(entry.name.startswith('.new.') for entry in path.iterdir())


def check_writable(folder: str | Path) -> None:
    """Raises an InputError early if a folder neither exists nor can be created."""
    existing = Path(folder).absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(f'{folder}: cannot be written ({existing} is no folder)')
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f'{folder}: cannot be written (no permission in {existing})')


def refuse_overwriting(inputs: Iterable[str | Path | None], outputs: Iterable[str | Path]) -> None:
    """Raises an InputError early if a command would write over what it reads, also by a link.

    Files and folders need not exist; None is ignored.
    """
    read = {_identify(path) for path in inputs if path is not None} - {None}
    for path in outputs:
        if _identify(path) in read:
            which = 'an input of this command, which it would write over'
            raise InputError(f'{path}: {which}; give another --out')


def _identify(path: str | Path) -> tuple[int, int] | None:
    """The identity of a file, whatever name it is given by; None if there is no such file."""
    with suppress(OSError, ValueError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


def _list_moves(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Yields files, and folders that ``target`` lacks, with their places in ``target``."""
    for path in sorted(source.iterdir()):
        place = target / path.name
        if path.is_dir() and place.is_dir():
            yield from _list_moves(path, place)
        else:
            yield path, place


def _move(moves: Sequence[tuple[Path | None, Path]], folder: Path, old: Path) -> None:
    """Moves files to their places, and what was there to ``old``; an error undoes all of it."""
    for path, place in moves:
        if place.is_dir() or (path and path.is_dir() and os.path.lexists(place)):
            kind = 'folder' if place.is_dir() else 'file'
            raise FileExistsError(errno.EEXIST, f'it is a {kind}', str(place))
    done: list[tuple[Path, Path]] = []
    try:
        for path, place in moves:
            if os.path.lexists(place):
                kept = old / place.relative_to(folder)
                kept.parent.mkdir(parents=True, exist_ok=True)
                if path is not None:
                    with suppress(OSError):  # without hard links, it is missing for a moment
                        os.link(place, kept)
                if not os.path.lexists(kept):
                    os.replace(place, kept)
                done.append((place, kept))
            if path is not None:
                os.replace(path, place)
                done.append((path, place))
    except BaseException:
        for path, place in reversed(done):
            os.replace(place, path)
        raise


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Locks a file or a folder against other processes that lock it too.

    The system frees the lock when the process ends, however it ends. Yields whether the lock is
    held: False if another process holds it, or the system has no locks.

    Args:
        path: If it is missing, nothing is locked.
        wait: Whether to wait for others to unlock it.
    """
    descriptor, is_locked = None, False
    try:
        with suppress(ImportError, OSError):
            import fcntl

            descriptor = os.open(path, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            is_locked = True
        yield is_locked
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delays Ctrl+C and SIGTERM to the end of the context; they only reach the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.signal(number, lambda got, _: received.append(got)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if received:
            signal.raise_signal(received[0])


def remove_leftovers(folder: str | Path) -> None:
    """Removes what killed runs have left in a folder, even if this run writes nothing to it."""
    if Path(folder).is_dir():
        with locked(Path(folder)):
            _remove_leftovers(Path(folder))


@cache
def _remove_leftovers(folder: Path) -> None:
    """Removes what killed runs have left, once per run, and restores files they had moved away."""
    for stage in folder.glob('.new.????????/'):
        with locked(stage, wait=False) as is_left, suppress(OSError):
            if is_left:
                for kept, place in _list_moves(stage / 'old', folder):
                    if not os.path.lexists(place):
                        os.replace(kept, place)
        if is_left:
            shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _naming_errors(target: Path) -> Iterator[None]:
    """Names the file that could not be written to ``target``, or not be read for it."""
    try:
        yield
    except OSError as error:
        named = error.filename2 or error.filename
        place = Path(named) if isinstance(named, str) else target
        place = target if target.is_relative_to(place) else place
        verb = 'written' if place.is_relative_to(target) else 'read'
        raise InputError(f'{place}: cannot be {verb} ({error.strerror or error})') from None
