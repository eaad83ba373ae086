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
from ...files import check_writable, refuse_overwriting, write_files
from ...images import Size, decode_size, leads_outside, map_threads, strict_pillow
from ...json_files import read_json, to_json
from .fetch import Fetcher
from .photograph import FORMATS, Photo, PhotographError

REPORT_NAME = 'download_report.json'
SIZES = {'original': None, '640': 640}
"""What ``--size`` offers: pixels of the longest side, None for as photographed."""

Report = dict[str, Any]


def download(
    annotations: str, out: str, size: str, *, retry_failed: bool, fetcher: Fetcher
) -> Report:
    """Checks what is there, fetches what lacks, and writes the report.

    A photograph that was there stays as it is, unless it is damaged; one of another size than that
    of the annotations is reported as missing.
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
    outputs = [photo.path for id_, photo in photos.items() if id_ not in fetcher.failures]
    refuse_overwriting([path], [*outputs, *(folder / name for name in (*files, REPORT_NAME))])
    chosen = _read_failed_ids(folder / REPORT_NAME, source) if retry_failed else photos.keys()
    with strict_pillow():
        named = [photos[id_] for id_ in photos if id_ not in fetcher.failures]
        there, damaged = _check_existing(named, fetcher)
        wanted = set(chosen) - there - fetcher.failures.keys()
        try:
            asyncio.run(fetcher.fetch([photos[id_] for id_ in photos if id_ in wanted]))
        finally:
            counts = {'cleaned': count_changes(changes)}
            report = {**source, **counts, **_report(photos, there, damaged, fetcher=fetcher)}
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
    if real.is_dir():
        return 'is a folder'
    if Path(name).suffix.lower() not in ('.jpg', '.jpeg'):
        return 'does not end in .jpg or .jpeg'
    return None


def _check_existing(photos: list[Photo], fetcher: Fetcher) -> tuple[set[int], set[int]]:
    """Ids of the images whose photograph is there, and of those where it is damaged.

    One of another size is a failure, or if that is the other size that can be asked for, an error.
    """

    def read_size(photo: Photo) -> Size | None:
        try:
            return decode_size(photo.path, FORMATS)
        # As in check_images: Pillow promises no particular error.
        except Exception:  # noqa: BLE001
            return None

    sound, damaged = set(), set()
    there = [photo for photo in photos if os.path.lexists(photo.path)]
    for photo, found in zip(there, map_threads(read_size, there, 'checking'), strict=True):
        expected, image_id = photo.fit(photo.max_side), photo.image['id']
        if found is None:
            damaged.add(image_id)
        elif found == expected:
            sound.add(image_id)
        else:
            for size, max_side in SIZES.items():
                if max_side != photo.max_side and photo.has_size(found, max_side):
                    has = f'{photo.path}: has the size of --size {size}'
                    raise InputError(f'{has}: give another folder with --out')
            sizes = [f'{width} x {height}' for width, height in (found, expected)]
            detail = f'one of {sizes[0]} px is there, not {sizes[1]}; remove it to fetch it'
            fetcher.failures[image_id] = PhotographError('another_is_there', detail)
    return sound, damaged


def _report(
    photos: dict[int, Photo], there: set[int], damaged: set[int], *, fetcher: Fetcher
) -> Report:
    settled = {**dict.fromkeys(there, ()), **fetcher.settled}
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
        'replaced': [names[id_] for id_ in photos if id_ in damaged & fetcher.settled.keys()],
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
    if report['replaced']:
        lines.append(f'{len(report["replaced"]):9d}  replaced: what was there was no photograph')
    first = {failure['kind']: failure for failure in reversed(report['missing'])}
    for kind, count in report['missing_counts'].items():
        name, detail = reprlib.repr(first[kind]['file_name']), first[kind]['detail']
        lines.append(f'{count:9d}  missing: {kind.replace("_", " ")}, the first {name}: {detail}')
    return '\n'.join(lines)
