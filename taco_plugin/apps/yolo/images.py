"""What a YOLO converter must know of a photograph, read without decoding it."""

import errno
import os
import stat
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

_ORIENTATION_TAG = 0x0112  # EXIF; the values 5 to 8 turn the photograph on its side
_END_OF_IMAGE = b'\xff\xd9'

Item = TypeVar('Item')
Result = TypeVar('Result')


@dataclass(frozen=True)
class Header:
    """What the header of a photograph says.

    Args:
        width: As displayed, after EXIF rotation, in pixels.
        height: Likewise.
        is_rotated: Whether an EXIF tag turns or mirrors it.
        ends_as_jpeg: False for a JPEG that does not end with the end-of-image marker.
    """

    width: int
    height: int
    is_rotated: bool
    ends_as_jpeg: bool


def read_header(path: Path) -> Header:
    """Reads a photograph's header.

    Raises:
        OSError: If there is no such file, or it is not a file.
        Exception: Anything, if the file is damaged: Pillow promises no particular error.
    """
    from PIL import Image

    with open_file(path) as file:
        with Image.open(file) as image:
            width, height = image.size
            orientation = image.getexif().get(_ORIENTATION_TAG, 1)
            is_jpeg = image.format in ('JPEG', 'MPO')
        if orientation in (5, 6, 7, 8):
            width, height = height, width
        file.seek(-len(_END_OF_IMAGE), os.SEEK_END)
        ends_as_jpeg = not is_jpeg or file.read() == _END_OF_IMAGE
    return Header(width, height, orientation in range(2, 9), ends_as_jpeg)


def open_file(path: str | Path) -> IO[bytes]:
    """Opens a regular file to read; a pipe or a device could block for ever.

    Raises:
        OSError: If it cannot be opened, or is something else.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, 'not a regular file', str(path))
    return open(path, 'rb')


def read_in_threads(
    read: Callable[[Item], Result], items: Sequence[Item], description: str
) -> list[Result]:
    """Calls ``read`` for every item, in threads; shows progress on stderr after two seconds."""
    from tqdm import tqdm

    pool = ThreadPoolExecutor()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of damaged EXIF data and the like
        try:
            found = pool.map(read, items)
            return list(tqdm(found, description, len(items), delay=2, mininterval=0.5))
        finally:
            pool.shutdown(cancel_futures=True)  # or Ctrl+C would wait for all photographs
