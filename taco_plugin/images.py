"""Photographs on disk: displayed size, integrity checks, and processing many in parallel."""

import os
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from stat import S_ISREG
from typing import IO, TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

Size = tuple[int, int]
"""Width and height in pixels."""

Item = TypeVar('Item')
Result = TypeVar('Result')

ORIENTATION_TAG = 0x0112
"""EXIF tag; value 1 is upright, 5 to 8 swap width and height."""


def leads_outside(file_name: str) -> bool:
    """Whether a file name leads out of the folder that it is relative to.

    Absolute names, names with a drive letter and names with ``..`` do, by the rules of POSIX or of
    Windows. Links are not checked: one inside the folder may point anywhere.

    >>> leads_outside('batch_1/000001.jpg'), leads_outside('../secret.jpg')
    (False, True)
    """
    windows = PureWindowsPath(file_name)  # splits at both kinds of slashes
    return bool(windows.anchor or '..' in windows.parts or PurePosixPath(file_name).is_absolute())


def list_photographs(
    folder: str | Path,
    suffixes: Collection[str],
    *,
    skipped: Iterable[str] = (),
    onerror: Callable[[OSError], object] | None = None,
) -> Iterator[str]:
    """Yields the paths of the photographs in a folder, and then of those in its subfolders.

    Each folder is sorted by name. Links are followed, but no folder is searched twice. Hidden files
    and folders are left out.

    Args:
        folder: Where to search.
        suffixes: Of photographs, in lower case; upper case in file names is ignored.
        skipped: Real paths of folders not to search.
        onerror: Called if a folder cannot be listed, which otherwise counts as empty.
    """
    seen = set(skipped)
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=onerror):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in sorted(names):
            if os.path.splitext(name)[1].lower() in suffixes and not name.startswith('.'):
                yield os.path.join(parent, name)


def read_exif(image: 'Image.Image') -> 'Image.Exif':
    """EXIF of an opened image; empty if it is missing or broken, which OpenCV ignores too."""
    from PIL import Image

    exif = Image.Exif()
    with suppress(Exception):  # Pillow promises no particular error
        exif.load(image.info.get('exif', b''))
    return exif


def read_orientation(image: 'Image.Image') -> int:
    """EXIF orientation of an opened image, 1 to 8; anything else in the file counts as 1.

    An orientation in XMP, which Pillow also reads, is ignored, as OpenCV and browsers do.
    """
    orientation = read_exif(image).get(ORIENTATION_TAG)
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def displayed_size(image: 'Image.Image') -> Size:
    """Size of an opened image after EXIF rotation; nothing is decoded."""
    width, height = image.size
    return (height, width) if read_orientation(image) >= 5 else (width, height)


def turn_upright(image: 'Image.Image') -> 'Image.Image':
    """Applies the EXIF rotation of an opened image; one that is upright is returned as it is."""
    from PIL import Image

    turns = (
        *('FLIP_LEFT_RIGHT', 'ROTATE_180', 'FLIP_TOP_BOTTOM', 'TRANSPOSE', 'ROTATE_270'),
        *('TRANSVERSE', 'ROTATE_90'),
    )
    turn = read_orientation(image) - 2
    return image if turn < 0 else image.transpose(Image.Transpose[turns[turn]])


def decode_size(source: Path | IO[bytes], formats: tuple[str, ...] | None = None) -> Size:
    """Decodes a photograph completely and returns its size as displayed.

    A JPEG is decoded at an eighth of its size, which still reads all of its data. A file that is
    cut short is found by Pillow's decoder. ``formats`` are Pillow's names of those allowed.

    Raises:
        FileNotFoundError: If there is no such file.
        Exception: Anything, if the file is damaged: Pillow's decoders promise no particular error.
    """
    from PIL import Image

    if isinstance(source, Path) and not S_ISREG(source.stat().st_mode):  # opening it could block
        raise OSError('no file, but a folder, pipe, socket or device')
    with Image.open(source, formats=formats) as image:
        size = displayed_size(image)
        image.draft('L', (1, 1))
        image.load()
    return size


def read_photograph(path: str) -> 'np.ndarray':
    """Decodes a photograph, rotated according to EXIF, as stock MMDetection does.

    Transparency is ignored, CMYK and grey become BGR, and 16 bits become 8.

    Returns:
        BGR, uint8, shape (H, W, 3).

    Raises:
        Exception: Any, if it is missing or damaged; OpenCV would fill what is missing with grey.
    """
    import cv2
    import numpy as np
    from PIL import UnidentifiedImageError

    if not os.path.isfile(path):  # a pipe would block
        raise OSError('not a file' if os.path.exists(path) else 'no such file')
    data = Path(path).read_bytes()
    try:
        size = decode_size(BytesIO(data))
    except UnidentifiedImageError:
        raise ValueError('not an image, or of an unknown format') from None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError('of a format that OpenCV cannot decode')
    if pixels.shape[1::-1] != size:
        raise ValueError(f'decoded to {pixels.shape[1::-1]} pixels instead of {size}')
    return pixels


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Silences Pillow's warnings about damaged metadata, and makes huge photographs an error.

    Huge means more than ``PIL.Image.MAX_IMAGE_PIXELS`` pixels. Warnings are filtered for the whole
    process, so enter this context around a thread pool, not inside it.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        warnings.simplefilter('error', Image.DecompressionBombWarning)
        yield


def map_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    description: str,
    max_workers: int | None = None,
) -> Iterator[Result]:
    """Yields ``function(item)`` for each item, in order, computed by several threads.

    Progress is shown on stderr after two seconds. After an error or Ctrl+C, items that have not
    been started are not computed.

    Args:
        function: Must be safe to call from several threads.
        items: The arguments, one per call.
        description: Text of the progress bar.
        max_workers: Number of threads; Python's default if None.

    >>> list(map_threads(abs, [-1, 2, -3], 'counting'))
    [1, 2, 3]
    """
    from tqdm import tqdm

    pool = ThreadPoolExecutor(max_workers)
    try:
        results = pool.map(function, items)
        yield from tqdm(results, description, len(items), delay=2, mininterval=0.5)
    finally:
        pool.shutdown(cancel_futures=True)  # otherwise Ctrl+C would wait for every item
