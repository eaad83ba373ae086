"""Keeps decoded photographs on disk, mapped to memory."""

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from mmengine.logging import print_log
from tqdm import tqdm

from ..coco.jpeg import Size
from ..errors import InputError

_SUFFIXES = '.decoded', '.part'
"""Of a complete file, and of one that is being written."""
_VERSION = 1
"""Of what the files hold; another one makes earlier files stale."""


@dataclass(frozen=True)
class Photograph:
    """A photograph to keep.

    Args:
        path: Of its file.
        size: Width and height to keep it at.
    """

    path: str
    size: Size


Decode = Callable[[Photograph], np.ndarray]
"""Returns an image, shape (H, W, 3), uint8, of the photograph's ``size``."""


class DecodedCache:
    """Decoded photographs, one behind the other in a file that all processes map to memory.

    Nothing is copied when the cache goes to a worker process, forked or spawned.

    Args:
        file: As :func:`open_cache` writes it.
        photographs: In the file's order.
    """

    def __init__(self, file: Path, photographs: Sequence[Photograph]) -> None:
        ends = np.cumsum([_num_bytes(photograph) for photograph in photographs]).tolist()
        self._file = file
        self._entries = {
            photograph.path: (end - _num_bytes(photograph), photograph.size)
            for photograph, end in zip(photographs, ends, strict=True)
        }
        self._bytes: np.ndarray | None = None

    def __getitem__(self, path: str) -> np.ndarray:
        """The photograph of a file, shape (H, W, 3), uint8, read-only."""
        if self._bytes is None:
            self._bytes = np.memmap(self._file, np.uint8, mode='r')
        start, (width, height) = self._entries[path]
        return self._bytes[start : start + 3 * width * height].reshape(height, width, 3)

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_bytes': None}


def open_cache(
    folder: str | Path,
    name: str,
    photographs: Sequence[Photograph],
    decode: Decode,
    max_bytes: float,
) -> DecodedCache:
    """Opens the cache of some photographs; writes it if it is not there or not valid any more.

    It is valid as long as paths, sizes to keep, and the size and time of each file are what they
    were; else it is removed and written anew. Of processes that ask for the same
    at once, one writes and the others wait. The file gets its name when it is complete.

    Args:
        folder: Is made if need be.
        name: Begins the name of the file.
        photographs: What to keep.
        decode: Is called from several threads.
        max_bytes: Of all caches in ``folder``.

    Raises:
        InputError: If the folder cannot be written or the space does not suffice, which is found
            out before anything is decoded, or a photograph is missing; whatever ``decode`` raises.
    """
    photographs = list({photograph.path: photograph for photograph in photographs}.values())
    folder = Path(folder)
    prefix = f'{name}-{_digest([_VERSION, [[p.path, *p.size] for p in photographs]])}'
    file = folder / f'{prefix}-{_digest([_stamp(p.path) for p in photographs])}{_SUFFIXES[0]}'
    size = sum(map(_num_bytes, photographs))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f'.{prefix}.lock'):
            if not file.is_file():
                for stale in folder.glob(f'{glob.escape(prefix)}-*'):
                    stale.unlink()
                _check_space(folder, size, max_bytes)
                _write(file, photographs, decode)
    except OSError as error:
        raise InputError(f'{folder}: cannot keep the decoded photographs ({error})') from None
    return DecodedCache(file, photographs)


def _num_bytes(photograph: Photograph) -> int:
    return 3 * photograph.size[0] * photograph.size[1]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise InputError(f'{path}: no such image; is data_root right?') from None
    return status.st_size, status.st_mtime_ns


def _locked(path: Path) -> AbstractContextManager:
    """Holds the lock of a file, which the system takes back from a process that dies."""
    lock = FileLock(path)
    try:
        return lock.acquire(timeout=2)
    except Timeout:
        print_log(f'{path.parent}: another process decodes the photographs, waiting ...', 'current')
        return lock.acquire()


def _check_space(folder: Path, size: int, max_bytes: float) -> None:
    others = sum(file.stat().st_size for file in folder.iterdir() if file.suffix in _SUFFIXES)
    if others + size > max_bytes:
        raise InputError(
            f'{folder}: the decoded photographs take {_gb(size)} and others there {_gb(others)}, '
            f'more than cache_limit_gb allows ({_gb(max_bytes)}); raise it, or delete files there'
        )
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(
            f'{folder}: the decoded photographs take {_gb(size)}, but {_gb(free)} are free; set '
            'cache_dir to another disk'
        )


def _gb(num_bytes: float) -> str:
    return f'{num_bytes / 1e9:.2f} GB'


def _write(file: Path, photographs: Sequence[Photograph], decode: Decode) -> None:
    part = file.with_suffix(_SUFFIXES[1])
    starts = np.cumsum([0, *map(_num_bytes, photographs)]).tolist()
    pool = ThreadPoolExecutor()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)

    def keep(photograph: Photograph, start: int) -> None:
        _write_at(descriptor, decode(photograph), start)

    try:
        kept = pool.map(keep, photographs, starts)  # which has one start more
        what = f'decoding photographs into {file.parent}'
        for _ in tqdm(kept, what, len(photographs), delay=2, mininterval=0.5):
            pass
        os.fsync(descriptor)
        os.replace(part, file)
    finally:
        pool.shutdown(cancel_futures=True)
        os.close(descriptor)
        part.unlink(missing_ok=True)


def _write_at(descriptor: int, image: np.ndarray, start: int) -> None:
    data = np.ascontiguousarray(image).data.cast('B')
    while data:
        written = os.pwrite(descriptor, data, start)
        data, start = data[written:], start + written
