"""What ``merge_taco.py`` did, for a file and for the terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ...coco.clean import KINDS, count_changes
from ...coco.merge import MergedFile
from ...coco.read import Coco
from ..prepare.report import report_changes, report_counts

_SHOWN = 3


def report_merge(merged: Coco, files: Sequence[MergedFile]) -> dict[str, Any]:
    """Everything that was changed or left out, for JSON."""
    return {
        'counts': report_counts(merged),
        'files': [{**asdict(file), 'changes': report_changes(file.changes)} for file in files],
    }


def format_merge(merged: Coco, files: Sequence[MergedFile]) -> str:
    """What a user wants to know at once, for the terminal."""
    lines = []
    for index, file in enumerate(files):
        lines.append(f'{file.name}: {file.images} images, {file.annotations} boxes')
        lines += [f'  {line}' for line in _format_file(file, is_first=index == 0)]
    counts = report_counts(merged)
    lines.append(
        f'merged: {counts["images"]} images, {counts["annotations"]} boxes, '
        f'{counts["categories"]} categories'
    )
    return '\n'.join(lines)


def _format_file(file: MergedFile, is_first: bool) -> Iterator[str]:
    for kind, count in count_changes(list(file.changes)).items():
        yield f'{count} {KINDS[kind]}'
    if file.new_categories and not is_first:
        names = ', '.join(map(repr, file.new_categories[:_SHOWN]))
        more = ', ...' if len(file.new_categories) > _SHOWN else ''
        yield f'{len(file.new_categories)} categories that no file before has: {names}{more}'
    if file.duplicates:
        boxes = sum(duplicate.annotations for duplicate in file.duplicates)
        first = file.duplicates[0]
        yield (
            f'{len(file.duplicates)} images left out with {boxes} boxes: a file before has them; '
            f'the first: {first.file_name!r}, which has the {first.reason} of {first.kept!r}'
        )
        if others := sum(not duplicate.same_size for duplicate in file.duplicates):
            yield f'{others} of these have another size than the image that was kept'
    if file.unknown_licenses:
        yield f'{file.unknown_licenses} images with a licence that the file does not list: removed'
    if file.orphan_scenes:
        yield f'{file.orphan_scenes} scene annotations left out: no such image or category'
    if file.sections_left_out:
        yield f'sections left out: {", ".join(map(repr, file.sections_left_out))}'
