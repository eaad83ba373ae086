"""Makes training, validation and test files from TACO's own annotations."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ...coco.categories import remap_categories
from ...coco.clean import clean_annotations
from ...coco.images import ImageProblem, check_file_names, check_images, drop_images
from ...coco.read import Coco, read_coco
from ...coco.scale import shrink_images
from ...coco.split import check_fractions, split_images
from ...command_line import stage
from ...errors import InputError
from ...files import check_writable, to_json, write_files
from ...taxonomies import Taxonomy, load_taxonomy
from .hold_out import check_test_names, read_test_names
from .report import (
    Report,
    report_changes,
    report_counts,
    report_dropped_categories,
    report_images,
    report_splits,
)
from .small_photographs import JPEG_QUALITY, write_small_photographs


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
        max_side: Longest side of the photographs to write to ``out``, in pixels; None to write
            none.
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
    max_side: int | None = None


def prepare(settings: PrepareSettings) -> Report:
    """Cleans, checks, remaps and splits the annotations and writes the results.

    Writes ``annotations/train.json``, ``val.json`` and ``test.json`` and ``report.json``; a split
    of the fraction 0 gets no file, and one from an earlier run is removed. Either all files are
    written or none. The same input and settings give the same bytes.

    With ``max_side``, the photographs are written beside ``annotations`` first, scaled, and the
    annotations refer to these; see :func:`~.shrink.shrink_images` and
    :func:`~.small_photographs.write_small_photographs`. After an error, those that are complete
    stay, and the next run goes on from there.

    Args:
        settings: See :class:`PrepareSettings`.

    Returns:
        What ``report.json`` holds.

    Raises:
        InputError: If anything that was given cannot be used.
    """
    _check_max_side(settings)
    check_writable(settings.out)
    taxonomy = load_taxonomy(settings.taxonomy)
    names = read_test_names(settings.test_images) if settings.test_images else None
    check_fractions(settings.test_fraction, settings.val_fraction, names)
    with stage('reading the annotations'):
        source = _read(settings.annotations, names)
    with stage('cleaning and remapping'):
        clean, changes = clean_annotations(source)
        remapped = _remap(clean, taxonomy, settings.annotations)
    dropped, not_checked = _check_photographs(clean, settings)
    kept = drop_images(remapped, {problem.image_id for problem in dropped})
    with stage('splitting'):
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
    if settings.max_side is not None:
        report['photographs'] = _write_photographs(kept, not_checked, settings)
        splits = {name: shrink_images(coco, settings.max_side) for name, coco in splits.items()}
    with stage('writing'):
        _write(settings.out, splits, report)
    return report


def _check_max_side(settings: PrepareSettings) -> None:
    if settings.max_side is None:
        return
    if settings.max_side < 1:
        raise InputError(f'max_side must be 1 px or more, not {settings.max_side}')
    if settings.images is None:
        raise InputError('max_side scales photographs: give their folder with --images')
    if Path(settings.out).resolve() == Path(settings.images).resolve():
        raise InputError(
            f'{settings.out}: is the folder of the photographs, which max_side would write over; '
            'give another one with --out'
        )


def _write_photographs(coco: Coco, missing: list[str], settings: PrepareSettings) -> Report:
    """Writes them scaled, and says how many there are of each kind, also if they were there."""
    assert settings.images is not None
    assert settings.max_side is not None
    small = shrink_images(coco, settings.max_side)
    write_small_photographs(coco, small, settings.images, settings.out, missing)
    names = [image['file_name'] for image in coco['images']]
    there = [i for i, name in zip(small['images'], names, strict=True) if name not in missing]
    scaled = sum('original_width' in image for image in there)
    return {
        'max_side': settings.max_side,
        'jpeg_quality': JPEG_QUALITY,
        'scaled': scaled,
        'copied': len(there) - scaled,
    }


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
