"""Merges annotation files on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from ..coco.clean import KINDS, clean_annotations, count_changes, report_changes
from ..coco.images import find_image_folder, name_image_folder
from ..coco.merge import MergedFile, merge_cocos
from ..coco.read import Coco, read_coco
from ..coco.statistics import report_counts
from ..errors import InputError
from ..files import check_writable, refuse_overwriting, write_files
from ..json_files import to_json

_SHOWN = 3


def merge_files(paths: Sequence[str], out: str) -> str:
    """Writes the files merged, and a report beside it.

    Args:
        paths: Two or more COCO files.
        out: The merged file, ``.json``; is replaced, but may not be one of ``paths``.

    Returns:
        The report for the terminal.

    Raises:
        InputError: If a file cannot be used or written.
    """
    target = Path(out)
    if len(paths) < 2:
        raise InputError('give two files or more to merge')
    if target.suffix.lower() != '.json':
        raise InputError(f'{out}: the merged file must be a .json')
    beside = target.with_name(f'{target.stem}.report.json')
    refuse_overwriting(paths, [target, beside])
    check_writable(target.parent)
    cocos = [(path, read_coco(path)) for path in paths]
    merged, files = merge_cocos(cocos)
    folders = {find_image_folder(path, coco) for path, coco in cocos}
    folder = folders.pop() if len(folders) == 1 else None
    if folder is not None:
        merged['info']['image_folder'] = name_image_folder(folder, target.parent)
    counts = report_counts(merged)
    described = [{**asdict(file), 'changes': report_changes(file.changes)} for file in files]
    report = to_json({'counts': counts, 'files': described}, indent=2)
    try:
        text = to_json(merged)
    except InputError:
        for path, coco in cocos:  # to name the file and the place in it
            _check_json(path, clean_annotations(coco)[0])
        raise
    write_files(target.parent, {target.name: text, beside.name: report})
    lines = [line for index, file in enumerate(files) for line in _format_file(file, index == 0)]
    if folders:
        lines.append('info.image_folder left out: not all files name the same')
    images, boxes, categories = counts.values()
    return '\n'.join([*lines, f'merged: {images} images, {boxes} boxes, {categories} categories'])


def _check_json(path: str, coco: Coco) -> None:
    try:
        to_json(coco)
    except InputError as error:
        raise InputError(f'{path}: {error}') from None


def _format_file(file: MergedFile, is_first: bool) -> Iterator[str]:
    yield f'{file.name}: {file.images} images, {file.annotations} boxes'
    for kind, count in count_changes(file.changes).items():
        yield f'  {count} {KINDS[kind]}'
    if file.new_categories and not is_first:
        names = ', '.join(map(repr, file.new_categories[:_SHOWN]))
        more = ', ...' if len(file.new_categories) > _SHOWN else ''
        yield f'  {len(file.new_categories)} categories that no file before has: {names}{more}'
    if file.duplicates:
        boxes = sum(duplicate.annotations for duplicate in file.duplicates)
        first = file.duplicates[0]
        yield (
            f'  {len(file.duplicates)} images left out with {boxes} boxes: a file before has them; '
            f'the first: {first.file_name!r}, which has the {first.reason} of {first.kept!r}'
        )
        if others := sum(not duplicate.same_size for duplicate in file.duplicates):
            yield f'  {others} of these have another size than the image that was kept'
    if file.unknown_licenses:
        count = file.unknown_licenses
        yield f'  {count} images with a licence that the file does not list: removed'
    if file.orphan_scenes:
        yield f'  {file.orphan_scenes} scene annotations left out: no such image or category'
    if file.sections_left_out:
        yield f'  sections left out: {", ".join(map(repr, file.sections_left_out))}'
