"""Gets the photographs of an annotation file into a folder."""

import asyncio
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tqdm import tqdm

from ...coco.read import Coco, read_coco
from ...errors import InputError
from ...files import check_writable, to_json, write_files
from .existing import check_existing
from .failure import Failure
from .fetch import Limits, fetch_photographs
from .outcome import Outcome
from .parts import locked, remove_parts
from .photograph import Settled
from .plan import Photo, plan_photos
from .report import REPORT_NAME, Report, read_failed_ids, report_changes, report_missing
from .sizes import SIZES, check_scalable, fit_size, scale_annotations


@dataclass(frozen=True)
class DownloadSettings:
    """What ``download_taco.py`` is told.

    Args:
        annotations: TACO's ``annotations.json`` or another COCO file with ``flickr_url``.
        out: Folder for the photographs.
        size: A key of :data:`~.sizes.SIZES`.
        retry_failed: Ask only for what the last run has left missing.
        limits: See :class:`~.fetch.Limits`.
    """

    annotations: str
    out: str
    size: str
    retry_failed: bool
    limits: Limits


def download(settings: DownloadSettings) -> Report:
    """Checks what is there, fetches what lacks, and writes the report.

    Each photograph is written beside its place and renamed, so that one that is there is whole,
    whenever the run ends. The report is written after an interruption too. A size other than the
    original gets an annotation file that fits it, see :func:`name_scaled_file`.

    Args:
        settings: See :class:`DownloadSettings`.

    Returns:
        What ``download_report.json`` holds.

    Raises:
        InputError: If anything that was given cannot be used.
        KeyboardInterrupt: After Ctrl+C.
    """
    check_writable(settings.out)
    coco = _read(settings)
    folder = Path(settings.out)
    photos, refused = plan_photos(coco, folder, settings.size)
    with locked(folder), _open_pool() as pool:
        remove_parts({folder, *(photo.path.parent for photo in photos)})
        chosen = _read_failed_ids(settings) if settings.retry_failed else None
        there, lacking = check_existing(photos, settings.limits.max_bytes, pool)
        wanted = [photo for photo in lacking if chosen is None or photo.image_id in chosen]
        with tqdm(
            desc='downloading', total=len(wanted), unit=' photographs', delay=2, mininterval=0.5
        ) as bar:
            outcome = Outcome(bar, failures=list(refused))
            try:
                asyncio.run(fetch_photographs(wanted, settings.limits, pool, outcome))
            finally:
                pool.shutdown(cancel_futures=True)  # Ctrl+C leaves some at work
                report = _write_results(settings, coco, photos, there, outcome)
    return report


def name_scaled_file(settings: DownloadSettings) -> str | None:
    """Name of the annotation file that fits scaled photographs, in their folder.

    It is the given one, with sizes, boxes, polygons and areas scaled to the photographs. None at
    the original size, which the given one fits.
    """
    if SIZES[settings.size] is None:
        return None
    return f'{Path(settings.annotations).stem}_{settings.size}.json'


def _read(settings: DownloadSettings) -> Coco:
    coco = read_coco(settings.annotations)
    if not coco['images']:
        raise InputError(f'{settings.annotations}: has no images')
    if SIZES[settings.size] is not None:
        check_scalable(coco)
    return coco


def _describe_source(settings: DownloadSettings) -> Report:
    path = Path(settings.annotations)
    return {'file': path.name, 'sha256': sha256(path.read_bytes()).hexdigest()}


def _read_failed_ids(settings: DownloadSettings) -> set[int]:
    return read_failed_ids(Path(settings.out), _describe_source(settings), settings.size)


@contextmanager
def _open_pool() -> Iterator[ThreadPoolExecutor]:
    from PIL import Image

    pool = ThreadPoolExecutor(os.cpu_count())
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of damaged EXIF data and the like
        warnings.simplefilter('error', Image.DecompressionBombWarning)
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)  # or Ctrl+C would wait for all photographs


def _write_results(
    settings: DownloadSettings,
    coco: Coco,
    photos: Sequence[Photo],
    there: dict[int, Settled],
    outcome: Outcome,
) -> Report:
    settled = {**there, **outcome.settled}
    missing = _list_missing(coco, photos, settled, outcome.failures)
    names = {photo.image_id: photo.file_name for photo in photos}
    changes = {names[id_]: settled[id_].changes for id_ in sorted(settled) if settled[id_].changes}
    counts = {
        'images': len(coco['images']),
        'there_before': len(there),
        'fetched': len(outcome.settled),
        'missing': len(missing),
    }
    report = {
        **{'source': _describe_source(settings), 'size': settings.size, 'counts': counts},
        **report_changes(changes),
        **report_missing(missing),
    }
    files: dict[str, str | None] = {REPORT_NAME: to_json(report, indent=2)}
    scaled_name = name_scaled_file(settings)
    if scaled_name is not None:
        files[scaled_name] = _scale(coco, SIZES[settings.size], settled)
    write_files(settings.out, files)
    return report


def _list_missing(
    coco: Coco, photos: Sequence[Photo], settled: dict[int, Settled], failures: list[Failure]
) -> list[Failure]:
    """In the order of the images, with those that were not asked for."""
    found = {failure.image_id: failure for failure in failures}
    for photo in photos:
        if photo.image_id not in settled and photo.image_id not in found:
            ids = photo.image_id, photo.file_name, photo.url
            found[photo.image_id] = Failure(*ids, 'not_tried', 'not asked for')
    return [found[image['id']] for image in coco['images'] if image['id'] in found]


def _scale(coco: Coco, longest: int | None, settled: dict[int, Settled]) -> str:
    sizes = {
        image['id']: settled[image['id']].size
        if image['id'] in settled
        else fit_size((image['width'], image['height']), longest)
        for image in coco['images']
    }
    # Not to_json: numbers that are not finite stay, for prepare_taco.py to count.
    return json.dumps(scale_annotations(coco, sizes), separators=(',', ':')) + '\n'
