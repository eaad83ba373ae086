"""Gets the photographs of an annotation file into a folder."""

import asyncio
import os
import reprlib
import unicodedata
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...coco.clean import KINDS, Change, clean_annotations, count_changes
from ...coco.read import read_coco
from ...coco.scale import shrink_images
from ...errors import InputError
from ...files import check_writable, read_json, to_json, write_file, write_files
from ...images import leads_outside, map_threads, strict_pillow
from .fetch import Fetcher
from .photograph import Photo, PhotographError, make_upright

REPORT_NAME = 'download_report.json'
SIZES = {'original': None, '640': 640}
"""What ``--size`` offers: pixels of the longest side, None for as photographed."""

Report = dict[str, Any]


def download(
    annotations: str, out: str, size: str, *, retry_failed: bool, fetcher: Fetcher
) -> Report:
    """Checks what is there, fetches what lacks, and writes the report.

    A photograph that is there is whole, whenever the run ends. The report is written after an
    interruption too. A size other than the original gets an annotation file that fits it: the given
    one, clean and scaled, whose name ends in ``_640.json``.

    Args:
        annotations: TACO's ``annotations.json`` or another COCO file with ``flickr_url``.
        out: Folder for the photographs.
        size: A key of :data:`SIZES`.
        retry_failed: Ask only for what the last run has left missing.
        fetcher: Has fetched nothing yet.

    Returns:
        What ``download_report.json`` holds.

    Raises:
        InputError: If anything that was given cannot be used.
        KeyboardInterrupt: After Ctrl+C.
    """
    check_writable(out)
    coco, path, folder = read_coco(annotations), Path(annotations), Path(out)
    if not coco['images']:
        raise InputError(f'{annotations}: has no images')
    digest = sha256(path.read_bytes()).hexdigest()
    source = {'source': {'file': path.name, 'sha256': digest}, 'size': size}
    files: dict[str, str | None] = {}
    changes: list[Change] = []
    if (max_side := SIZES[size]) is not None:
        clean, changes = clean_annotations(coco)
        files[f'{path.stem}_{size}.json'] = to_json(shrink_images(clean, max_side))
    photos = {}
    for image in coco['images']:
        scaled, place = max_side and image.get(f'flickr_{size}_url'), folder / image['file_name']
        url, at_url = (scaled, max_side) if scaled else (image.get('flickr_url'), None)
        photos[image['id']] = Photo(image, place, url, max_side=max_side, max_side_at_url=at_url)
    fetcher.failures |= _refuse_names(photos, folder)
    chosen = _read_failed_ids(folder / REPORT_NAME, source) if retry_failed else photos.keys()
    with strict_pillow():
        there = _check_existing([photos[id_] for id_ in photos if id_ not in fetcher.failures])
        wanted = set(chosen) - there.keys() - fetcher.failures.keys()
        try:
            asyncio.run(fetcher.fetch([photos[id_] for id_ in photos if id_ in wanted]))
        finally:
            counts = {'cleaned': count_changes(changes)}
            report = {**source, **counts, **_report(photos, there, fetcher)}
            write_files(folder, {**files, REPORT_NAME: to_json(report, indent=2)})
    return report


def _refuse_names(photos: dict[int, Photo], folder: Path) -> dict[int, PhotographError]:
    taken: dict[str, str] = {}
    failures = {}
    for image_id, photo in photos.items():
        name = photo.image['file_name']
        if (fault := find_fault(name, folder)) is None:
            # Some file systems ignore case or how accents are composed.
            key = unicodedata.normalize('NFKC', os.path.normpath(name).casefold())
            if (first := taken.setdefault(key, name)) is not name:
                fault = f'is the same file as {first!r}'
        if fault is not None:
            failures[image_id] = PhotographError('bad_name', fault)
    return failures


def find_fault(name: str, folder: Path) -> str | None:
    """Why a file name may not be written into a folder, by the rules of POSIX and Windows.

    >>> find_fault('../1.jpg', Path('photographs'))
    'leads out of the folder'
    """
    if not name.isprintable() or '\\' in name:
        return 'has control characters or a backslash'
    if len(name) > 1000 or max(map(len, name.encode().split(b'/'))) > 200:
        return 'is too long'
    real = Path(os.path.realpath(folder / name))
    if leads_outside(name) or not real.is_relative_to(os.path.realpath(folder)):
        return 'leads out of the folder'
    if Path(name).suffix.lower() not in ('.jpg', '.jpeg'):
        return 'does not end in .jpg or .jpeg'
    return None


def _check_existing(photos: list[Photo]) -> dict[int, tuple[str, ...]]:
    """Checks photographs that are there as if just fetched; what was done to those that are whole.

    One that is whole but of the other size that can be asked for is not overwritten: an error.
    """

    def check(photo: Photo) -> tuple[str, ...] | None:
        try:
            stored, changes = make_upright(photo.path.read_bytes(), photo, photo.max_side)
        except PhotographError as error:
            for size, max_side in SIZES.items():
                if error.size and photo.has_size(error.size, max_side):
                    has = f'{photo.path}: has the size of --size {size}'
                    raise InputError(f'{has}: give another folder with --out') from None
            return None
        if changes:
            write_file(photo.path, lambda path: path.write_bytes(stored))
        return changes

    there = [photo for photo in photos if photo.path.is_file()]
    found = zip(there, map_threads(check, there, 'checking'), strict=True)
    return {photo.image['id']: changes for photo, changes in found if changes is not None}


def _report(
    photos: dict[int, Photo], there: dict[int, tuple[str, ...]], fetcher: Fetcher
) -> Report:
    settled = {**there, **fetcher.settled}
    names = {image_id: photo.image['file_name'] for image_id, photo in photos.items()}
    changed = {names[id_]: list(settled[id_]) for id_ in photos if settled.get(id_)}
    missing = []
    for image_id, photo in photos.items():
        if image_id not in settled:
            url = photo.url if isinstance(photo.url, str) else None
            error = fetcher.failures.get(image_id, PhotographError('not_tried', 'not asked for'))
            detail, attempts = ' '.join(error.detail.split()), error.attempts
            entry = {
                'image_id': image_id,
                'file_name': names[image_id],
                'url': url,
                'kind': error.kind,
            }
            missing.append({**entry, 'detail': detail, 'attempts': attempts})
    counts = {'there_before': len(there), 'fetched': len(fetcher.settled), 'missing': len(missing)}
    return {
        'counts': {'images': len(photos), **counts},
        'changed_counts': dict(Counter(c for several in changed.values() for c in several)),
        'changed': changed,
        'missing_counts': dict(Counter(entry['kind'] for entry in missing)),
        'missing': missing,
    }


def _read_failed_ids(path: Path, source: Report) -> set[int]:
    """Ids of the images that the last run has asked for in vain, or refused."""
    fault = 'there is no report of a run before'
    if path.is_file():
        report = read_json(path)
        try:
            if {key: report[key] for key in source} == source:
                missing = report['missing']
                return {entry['image_id'] for entry in missing if entry['kind'] != 'not_tried'}
            fault = 'is of another annotation file or --size'
        except (LookupError, TypeError):
            fault = 'not a report of download_taco.py'
    raise InputError(f'{path}: {fault}: run once without --retry-failed')


def format_report(report: Report) -> str:
    """What a user wants to know at once, for the terminal."""
    counts = report['counts']
    lines = [
        f'{report["source"]["file"]}: {counts["images"]} images, {counts["there_before"]} were '
        f'there, {counts["fetched"]} fetched, {counts["missing"]} missing'
    ]
    lines += [f'{count:9d}  {KINDS[kind]}' for kind, count in report['cleaned'].items()]
    lines += [f'{count:9d}  {change}' for change, count in report['changed_counts'].items()]
    first = {failure['kind']: failure for failure in reversed(report['missing'])}
    for kind, count in report['missing_counts'].items():
        name, detail = reprlib.repr(first[kind]['file_name']), first[kind]['detail']
        lines.append(f'{count:9d}  missing: {kind.replace("_", " ")}, the first {name}: {detail}')
    return '\n'.join(lines)
