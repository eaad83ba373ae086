"""Writes photographs at the size that a scaled COCO file gives them."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from ...coco import Coco
from ...errors import InputError
from ...files import remove_leftovers, write_file
from ...images import map_threads

JPEG_QUALITY = 95
"""At 1280 px, TACO's photographs then take 0.5 MB each and a grey value is off by 1.3 of 255 on
average; with 90, 0.3 MB and 1.8. Colour is stored at half of the resolution (4:2:0), which takes
less time to decode."""

_SAME_TIME = 2  # seconds; what some file systems round to


def write_photographs(
    before: Coco,
    after: Coco,
    source: str | Path,
    *,
    target: str | Path,
    missing: Collection[str],
    replaces: bool,
) -> dict[str, int]:
    """Writes every photograph at its new size, with the pixels averaged by area.

    Those that keep their size are copied as they are. A photograph gets its name when it is
    complete, and the time of the one it stems from; one that is there already with that time and
    the right size is kept, so that a run that was interrupted goes on. Progress is shown on
    stderr after two seconds.

    Args:
        before: Names the photographs in ``source``, checked by ``check_images``.
        after: As ``shrink_images`` returns it for ``before``.
        source: Folder.
        target: Folder, is made if need be; not that of the photographs in ``source``.
        missing: File names, as in ``before``, that are passed over.
        replaces: Whether photographs in ``target`` that stem from others may be replaced.

    Returns:
        How many are ``scaled`` and how many ``copied``, also of those that were there, and
        ``jpeg_quality``.

    Raises:
        InputError: If a photograph cannot be read or written, or may not be replaced.
    """
    pairs = zip(before['images'], after['images'], strict=True)
    jobs = [(old, new) for old, new in pairs if old['file_name'] not in missing]
    for job in jobs if not replaces else ():
        path = Path(target, job[1]['file_name'])
        if os.path.lexists(path) and not _is_done(job, source, target):
            stranger = 'a photograph that this command did not write, and would replace'
            raise InputError(f'{path}: {stranger}; give another --out')
    for folder in {Path(target, new['file_name']).parent for _, new in jobs}:
        remove_leftovers(folder)
    # OpenCV works without the interpreter's lock.
    scaled = sum(map_threads(lambda job: _write(job, source, target), jobs, 'writing photographs'))
    return {'jpeg_quality': JPEG_QUALITY, 'scaled': scaled, 'copied': len(jobs) - scaled}


def _write(job: tuple[dict, dict], source: str | Path, target: str | Path) -> bool:
    """Returns whether the photograph is scaled."""
    old_size, size = [(image['width'], image['height']) for image in job]
    original, path = Path(source, job[0]['file_name']), Path(target, job[1]['file_name'])
    is_scaled = size != old_size
    status = original.stat()

    def write(part: Path) -> None:
        if is_scaled:
            part.write_bytes(_shrink(original, old_size, size))
        else:
            shutil.copyfile(original, part)
        os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))

    if not _is_done(job, source, target):
        write_file(path, write)
    return is_scaled


def _is_done(job: tuple[dict, dict], source: str | Path, target: str | Path) -> bool:
    """Whether the photograph in ``target`` stems from the one in ``source`` as it is now."""
    from PIL import Image

    old_size, size = [(image['width'], image['height']) for image in job]
    path = Path(target, job[1]['file_name'])
    try:
        original, status = Path(source, job[0]['file_name']).stat(), path.stat()
        if abs(status.st_mtime - original.st_mtime) > _SAME_TIME:
            return False
        if size == old_size:
            return status.st_size == original.st_size
        with Image.open(path) as image:
            return image.size == size
    except OSError:
        return False


def _shrink(path: Path, old_size: tuple[int, int], size: tuple[int, int]) -> bytes:
    """A JPEG of ``path``, upright, at another size; sizes are width and height."""
    import cv2
    import numpy as np

    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if image is None or image.shape[1::-1] != old_size:
        width, height = old_size
        raise InputError(f'{path}: does not decode to {width} x {height} px; fetch it again')
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    return cv2.imencode('.jpg', image, options)[1].tobytes()
