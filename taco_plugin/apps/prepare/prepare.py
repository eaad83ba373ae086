"""Makes training, validation and test files from TACO's own annotations."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from posixpath import normpath

from ...coco import (
    SPLITS,
    Coco,
    ImageProblem,
    check_file_names,
    check_fractions,
    check_images,
    class_statistics,
    clean_annotations,
    count_problems,
    name_image_folder,
    read_coco,
    remap_categories,
    report_changes,
    report_counts,
    select_images,
    shrink_images,
    split_images,
)
from ...command_line import stage
from ...errors import InputError
from ...files import check_writable, refuse_overwriting, write_files
from ...images import leads_outside
from ...json_files import read_json, to_json
from ...taxonomies import Taxonomy, load_taxonomy
from .photographs import write_photographs
from .report import Report, count_dropped_categories


@dataclass(frozen=True)
class PrepareSettings:
    """The options of ``prepare_taco.py``, by their names there; its help describes them.

    ``images`` may be None with ``allow_missing_images``, and ``test_fraction`` is None if
    ``test_images`` is given. ``max_side`` is in pixels.
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
    strict_test_images: bool
    max_side: int | None


def prepare(settings: PrepareSettings) -> Report:
    """Cleans, checks, remaps and splits the annotations and writes the results.

    Writes ``annotations/train.json``, ``val.json`` and ``test.json`` and ``report.json``; a split
    of the fraction 0 gets no file, and one from an earlier run is removed. Either all files are
    written or none. The same input and settings give the same bytes.

    With ``max_side``, the photographs are written beside ``annotations`` first, scaled, and the
    annotations refer to these. After an error, those that are complete stay, and the next run goes
    on from there.

    Returns:
        What ``report.json`` holds.

    Raises:
        InputError: If anything that was given cannot be used.
    """
    taxonomy = load_taxonomy(settings.taxonomy)
    check_writable(settings.out)
    fractions = settings.test_fraction, settings.val_fraction
    check_fractions(*fractions, settings.test_images)
    with stage('reading the annotations'):
        source = read_coco(settings.annotations)
        if not source['images']:
            raise InputError(f'{settings.annotations}: has no images')
        _refuse_overwriting(source, settings)
        names = read_test_names(settings.test_images) if settings.test_images else None
        unknown = _find_unknown(names or [], source, is_strict=settings.strict_test_images)
    with stage('cleaning and remapping'):
        clean, changes = clean_annotations(source)
        try:
            remapped = remap_categories(clean, taxonomy)
        except InputError as error:
            raise InputError(f'{settings.annotations}: {error}') from None
    dropped, missing = _check_photographs(clean, settings)
    dropped_ids = {problem.image_id for problem in dropped}
    kept = select_images(remapped, {image['id'] for image in clean['images']} - dropped_ids)
    kept = _set_folder(kept, settings.images, settings.out)
    with stage('splitting'):
        splits = split_images(kept, *fractions, settings.seed, names)
        report = {
            **_describe_input(settings, taxonomy),
            'test_names': names and {'given': len(names), 'unknown': unknown},
            'counts': {
                'source': report_counts(source),
                'prepared': report_counts(kept),
                'boxes_of_dropped_images': len(remapped['annotations']) - len(kept['annotations']),
            },
            'changes': report_changes(changes),
            'images': {
                'dropped_counts': count_problems(dropped),
                'dropped': [asdict(problem) for problem in dropped],
                'not_checked_count': len(missing),
                'not_checked': missing,
            },
            'dropped_categories': count_dropped_categories(clean, taxonomy),
            'splits': {name: asdict(class_statistics(part)) for name, part in splits.items()},
        }
    if settings.max_side is not None:
        small, report['photographs'] = _scale(kept, missing, settings)
        for name, part in splits.items():
            splits[name] = select_images(small, {image['id'] for image in part['images']})
    with stage('writing'):
        try:
            texts = {
                f'annotations/{name}.json': to_json(part) if part['images'] else None
                for name, part in splits.items()
            }
        except InputError as error:
            raise InputError(f'{settings.annotations}: {error}') from None
        write_files(settings.out, {**texts, 'report.json': to_json(report, indent=2)})
    return report


def _refuse_overwriting(coco: Coco, settings: PrepareSettings) -> None:
    """Refuses to write over inputs, or photographs into the folder of those that are read."""
    inputs: list[str | Path | None]
    inputs = [settings.annotations, settings.test_images, settings.taxonomy]
    outputs: list[str | Path] = [*(f'annotations/{name}.json' for name in SPLITS), 'report.json']
    if settings.images is not None:
        names = (image['file_name'] for image in coco['images'])
        places = [Path(name) for name in names if not leads_outside(name)]
        places += {place.parent for place in places}
        inputs += [Path(settings.images, place) for place in places]
        if settings.max_side is not None:
            outputs += places
    refuse_overwriting(inputs, [Path(settings.out, place) for place in outputs])


def read_test_names(path: str | Path) -> list[str]:
    """The file names in a COCO file (``.json``), or in a text file with one per line.

    Raises:
        InputError: If the file cannot be read or names no image.
    """
    try:
        if Path(path).suffix.lower() == '.json':
            names = [image['file_name'] for image in read_coco(path)['images']]
        else:
            names = Path(path).read_text(encoding='utf-8-sig').split('\n')
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{path}: cannot be read ({error})') from None
    names = [name.strip() for name in names if name.strip()]
    if not names:
        raise InputError(f'{path}: names no test image')
    return names


def _find_unknown(names: Collection[str], coco: Coco, *, is_strict: bool) -> list[str]:
    """The names that no image of the file has: a published list may name those of other data."""
    known = {normpath(image['file_name']) for image in coco['images']}
    unknown = [name for name in names if normpath(name) not in known]
    if unknown and (is_strict or len(unknown) == len(names)):
        shown = ', '.join(map(repr, unknown[:3])) + (', ...' if len(unknown) > 3 else '')
        raise InputError(
            f'{len(unknown)} of {len(names)} test images are not in the annotations: {shown}'
        )
    return unknown


def _check_photographs(
    coco: Coco, settings: PrepareSettings
) -> tuple[list[ImageProblem], list[str]]:
    """Finds images to drop, and why, and the names of those that are kept without a check."""
    if settings.images is None:
        if settings.max_side is not None or not settings.allow_missing_images:
            raise InputError(
                'give the folder of the photographs with --images, or do without them with '
                '--allow-missing-images and without --max-side'
            )
        names = [image['file_name'] for image in coco['images']]
        return check_file_names(coco), [name for name in names if not leads_outside(name)]
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
    unchecked = missing if settings.allow_missing_images else []
    return problems, [problem.file_name for problem in unchecked]


def _set_folder(coco: Coco, folder: str | None, out: str, *, original: str | None = None) -> Coco:
    """Stores in ``info`` where the photographs lie, and where the originals of scaled ones do."""
    info = dict(coco['info']) if isinstance(coco.get('info'), dict) else {}
    for key, path in (('image_folder', folder), ('original_image_folder', original)):
        info.pop(key, None)
        if path is not None:
            info[key] = name_image_folder(path, Path(out, 'annotations'))
    return {**coco, 'info': info} if info or 'info' in coco else coco


def _scale(coco: Coco, missing: list[str], settings: PrepareSettings) -> tuple[Coco, Report]:
    """Writes the photographs, scaled, and returns the annotations that refer to them."""
    assert settings.images is not None
    assert settings.max_side is not None
    small = shrink_images(coco, settings.max_side)
    report = Path(settings.out, 'report.json')
    counts = write_photographs(
        coco,
        small,
        settings.images,
        target=settings.out,
        missing=missing,
        replaces=report.is_file() and 'photographs' in read_json(report),
    )
    small = _set_folder(small, settings.out, settings.out, original=settings.images)
    return small, {'max_side': settings.max_side, **counts}


def _describe_input(settings: PrepareSettings, taxonomy: Taxonomy) -> Report:
    """Describes the input without the folders it lies in, so that reports can be compared."""
    source = Path(settings.annotations)
    options = 'seed', 'test_fraction', 'val_fraction', 'allow_missing_images'
    return {
        'source': {'file': source.name, 'sha256': sha256(source.read_bytes()).hexdigest()},
        'taxonomy': {'name': taxonomy.name, 'classes': taxonomy.classes},
        'test_images': settings.test_images and Path(settings.test_images).name,
        **{option: getattr(settings, option) for option in options},
    }
