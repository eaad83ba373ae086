"""Writes photographs at the size that a scaled COCO file gives them."""

import os
import shutil
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...coco.read import Coco
from ...errors import InputError

JPEG_QUALITY = 95
"""At 1280 px, TACO's photographs then take 0.5 MB each and a grey value is off by 1.3 of 255 on
average; with 90, 0.3 MB and 1.8. Colour is stored at half of the resolution (4:2:0), which takes
less time to decode."""

_SAME_TIME = 2  # seconds; what some file systems round to

_Job = tuple[Path, Path, dict, dict]


def write_small_photographs(
    before: Coco, after: Coco, source: str | Path, target: str | Path, missing: Collection[str] = ()
) -> None:
    """Writes every photograph at its new size, with the pixels averaged by area.

    Those that keep their size are copied as they are. A photograph gets its name when it is
    complete, and the time of the one it stems from; one that is there already with that time and
    the right size is kept, so that a run that was interrupted goes on. Progress is shown on
    stderr after two seconds.

    Args:
        before: Names the photographs in ``source``, checked by :func:`check_images`.
        after: As :func:`shrink_images` returns it for ``before``.
        source: Folder.
        target: Folder, is made if need be.
        missing: File names, as in ``before``, that are passed over.

    Raises:
        InputError: If a photograph would be written over a photograph of ``source``, which is
            found out before any is written, or one cannot be read or written.
    """
    from tqdm import tqdm

    jobs = [
        (Path(source, old['file_name']), Path(target, new['file_name']), old, new)
        for old, new in zip(before['images'], after['images'], strict=True)
        if old['file_name'] not in missing
    ]
    jobs = list({job[1]: job for job in jobs}.values())
    _check_apart(jobs)
    pool = ThreadPoolExecutor()  # OpenCV works without the interpreter's lock
    try:
        done = pool.map(lambda job: _write_small(*job), jobs)
        for _ in tqdm(done, 'writing photographs', len(jobs), delay=2, mininterval=0.5):
            pass
    except OSError as error:
        raise InputError(
            f'{error.filename or target}: cannot be written ({error.strerror})'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _check_apart(jobs: list[_Job]) -> None:
    """Refuses to write into a folder of photographs, also by way of a link."""
    sources = {path.parent.resolve() for path, _, _, _ in jobs}
    for _, path, _, _ in jobs:
        if path.parent.resolve() in sources:
            raise InputError(
                f'{path.parent}: holds the photographs that --images names, which --max-side would '
                'write over; give another folder with --out'
            )


def _write_small(source: Path, target: Path, old: dict, new: dict) -> None:
    size = new['width'], new['height']
    keeps_its_size = size == (old['width'], old['height'])
    status = source.stat()
    if _is_done(target, status, None if keeps_its_size else size):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f'.{target.name}.{os.getpid()}.new')
    try:
        if keeps_its_size:
            shutil.copyfile(source, part)
        else:
            part.write_bytes(_shrink(source, (old['width'], old['height']), size))
        os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _is_done(target: Path, source: os.stat_result, size: tuple[int, int] | None) -> bool:
    """Whether ``target`` stems from the source as it is now; ``size`` is None for a mere copy."""
    from PIL import Image

    try:
        status = target.stat()
        if abs(status.st_mtime - source.st_mtime) > _SAME_TIME:
            return False
        if size is None:
            return status.st_size == source.st_size
        with Image.open(target) as image:
            return image.size == size
    except OSError:
        return False


def _shrink(path: Path, size: tuple[int, int], small: tuple[int, int]) -> bytes:
    """A JPEG of ``path``, upright, at another size; sizes are width and height."""
    import cv2
    import numpy as np

    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None or image.shape[1::-1] != size:
        raise InputError(f'{path}: does not decode to {size[0]} x {size[1]} px; fetch it again')
    image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    return cv2.imencode('.jpg', image, options)[1].tobytes()
