"""Makes training, validation and test files from TACO's own annotations."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Timer

from ..errors import InputError
from ..taxonomies import Taxonomy, load_taxonomy
from .categories import remap_categories
from .clean import clean_annotations
from .hold_out import check_test_names, read_test_names
from .images import ImageProblem, check_file_names, check_images, drop_images
from .read import Coco, read_coco
from .report import (
    Report,
    report_changes,
    report_counts,
    report_dropped_categories,
    report_images,
    report_splits,
)
from .split import check_fractions, split_images
from .write import check_writable, to_json, write_files


@dataclass(frozen=True)
class PrepareSettings:
    """What ``prepare_taco.py`` is told.

    Args:
        annotations: TACO's ``annotations.json`` or another COCO file with its categories.
        images: Folder of the photographs; None if there is none, with ``allow_missing_images``.
        taxonomy: Name of a taxonomy, or a CSV file.
        out: Folder for the results.
        test_images: File that names the test images; None to draw them by ``test_fraction``.
        test_fraction: Share of the images; None with ``test_images``.
        val_fraction: Share of the images.
        seed: Of the split.
        allow_missing_images: Keep images whose photograph is missing.
    """

    annotations: str
    images: str | None
    taxonomy: str
    out: str
    test_images: str | None
    test_fraction: float | None
    val_fraction: float
    seed: int
    allow_missing_images: bool


def prepare(settings: PrepareSettings) -> Report:
    """Cleans, checks, remaps and splits the annotations and writes the results.

    Writes ``annotations/train.json``, ``val.json`` and ``test.json`` and ``report.json``; a split
    of the fraction 0 gets no file, and one from an earlier run is removed. Either all files are
    written or none. The same input and settings give the same bytes.

    Args:
        settings: See :class:`PrepareSettings`.

    Returns:
        What ``report.json`` holds.

    Raises:
        InputError: If anything that was given cannot be used.
    """
    check_writable(settings.out)
    taxonomy = load_taxonomy(settings.taxonomy)
    names = read_test_names(settings.test_images) if settings.test_images else None
    check_fractions(settings.test_fraction, settings.val_fraction, names)
    with _stage('reading the annotations'):
        source = _read(settings.annotations, names)
    with _stage('cleaning and remapping'):
        clean, changes = clean_annotations(source)
        remapped = _remap(clean, taxonomy, settings.annotations)
    dropped, not_checked = _check_photographs(clean, settings)
    kept = drop_images(remapped, {problem.image_id for problem in dropped})
    with _stage('splitting'):
        fractions = settings.test_fraction, settings.val_fraction
        splits = split_images(kept, *fractions, settings.seed, names)
        report = {
            **_describe_input(settings, taxonomy),
            'counts': _count(source, remapped, kept),
            'changes': report_changes(changes),
            'images': report_images(dropped, not_checked),
            'dropped_categories': report_dropped_categories(clean, taxonomy.mapping),
            'splits': report_splits(splits),
        }
    with _stage('writing'):
        _write(settings.out, splits, report)
    return report


def _read(path: str, test_names: list[str] | None) -> Coco:
    coco = read_coco(path)
    if not coco['images']:
        raise InputError(f'{path}: has no images')
    check_test_names(test_names or [], coco)
    return coco


def _remap(coco: Coco, taxonomy: Taxonomy, path: str) -> Coco:
    try:
        return remap_categories(coco, taxonomy)
    except InputError as error:
        raise InputError(f'{path}: {error}') from None


def _count(source: Coco, remapped: Coco, kept: Coco) -> Report:
    return {
        'source': report_counts(source),
        'prepared': report_counts(kept),
        'boxes_of_dropped_images': len(remapped['annotations']) - len(kept['annotations']),
    }


def _check_photographs(
    coco: Coco, settings: PrepareSettings
) -> tuple[list[ImageProblem], list[str]]:
    """Why images are dropped, and the names of those that are kept without a check."""
    if settings.images is None:
        if not settings.allow_missing_images:
            raise InputError(
                'give the folder of the photographs with --images, or do without them with '
                '--allow-missing-images'
            )
        dropped = check_file_names(coco)
        outside = {problem.file_name for problem in dropped}
        names = [image['file_name'] for image in coco['images']]
        return dropped, [name for name in names if name not in outside]
    problems = check_images(coco, settings.images)
    missing = [problem for problem in problems if problem.kind == 'missing']
    if settings.allow_missing_images:
        problems = [problem for problem in problems if problem.kind != 'missing']
    if len(problems) == len(coco['images']):
        raise InputError(
            f'{settings.images}: none of the {len(problems)} photographs can be used, '
            f'{len(missing)} are missing; the first: {problems[0].file_name!r}, '
            f'{problems[0].detail} (is --images the folder that holds batch_1? '
            '--allow-missing-images does without the missing ones)'
        )
    kept_names = [problem.file_name for problem in missing]
    return problems, kept_names if settings.allow_missing_images else []


def _describe_input(settings: PrepareSettings, taxonomy: Taxonomy) -> Report:
    """Nothing in it depends on where the files lie, so that reports can be compared."""
    source = Path(settings.annotations)
    return {
        'source': {'file': source.name, 'sha256': sha256(source.read_bytes()).hexdigest()},
        'taxonomy': {'name': taxonomy.name, 'classes': taxonomy.classes},
        'seed': settings.seed,
        'test_images': settings.test_images and Path(settings.test_images).name,
        'test_fraction': settings.test_fraction,
        'val_fraction': settings.val_fraction,
        'allow_missing_images': settings.allow_missing_images,
    }


def _write(out: str, splits: dict[str, Coco], report: Report) -> None:
    files = {
        f'annotations/{name}.json': to_json(coco) if coco['images'] else None
        for name, coco in splits.items()
    }
    write_files(out, {**files, 'report.json': to_json(report, indent=2)})


@contextmanager
def _stage(name: str) -> Iterator[None]:
    """Says on stderr what is going on, if it takes more than two seconds."""
    timer = Timer(2, lambda: print(f'{name} ...', file=sys.stderr))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
