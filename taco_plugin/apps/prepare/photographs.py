"""Writes photographs at the size that a scaled COCO file gives them."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path, PurePath

from ...coco import Coco
from ...errors import InputError
from ...files import write_file
from ...images import leads_outside, map_threads

JPEG_QUALITY = 95
"""At 1280 px, TACO's photographs then take 0.5 MB each and a grey value is off by 1.3 of 255 on
average; with 90, 0.3 MB and 1.8. Colour is stored at half of the resolution (4:2:0), which takes
less time to decode."""

_SAME_TIME = 2  # seconds; what some file systems round to


def check_apart(coco: Coco, source: str | Path, target: str | Path) -> None:
    """Raises an InputError if a photograph of ``source`` would be written over, also by a link."""
    names = [image['file_name'] for image in coco['images']]
    folders = {PurePath(name).parent for name in names if not leads_outside(name)}
    sources = {Path(source, folder).resolve() for folder in folders}
    for path in (Path(target, folder) for folder in sorted(folders)):
        if path.resolve() in sources:
            raise InputError(
                f'{path}: holds the photographs that --images names, which --max-side would '
                'write over; give another folder with --out'
            )


def write_photographs(
    before: Coco, after: Coco, source: str | Path, *, target: str | Path, missing: Collection[str]
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
        target: Folder, is made if need be; see :func:`check_apart`.
        missing: File names, as in ``before``, that are passed over.

    Returns:
        How many are ``scaled`` and how many ``copied``, also of those that were there, and
        ``jpeg_quality``.

    Raises:
        InputError: If a photograph cannot be read or written.
    """
    pairs = zip(before['images'], after['images'], strict=True)
    jobs = [(old, new) for old, new in pairs if old['file_name'] not in missing]
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

    if not _is_done(path, status, size if is_scaled else None):
        write_file(path, write)
    return is_scaled


def _is_done(path: Path, source: os.stat_result, size: tuple[int, int] | None) -> bool:
    """Whether a photograph stems from the source as it is now; ``size`` is None for a copy."""
    from PIL import Image

    try:
        status = path.stat()
        if abs(status.st_mtime - source.st_mtime) > _SAME_TIME:
            return False
        if size is None:
            return status.st_size == source.st_size
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
