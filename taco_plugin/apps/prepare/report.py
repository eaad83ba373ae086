"""What ``prepare_taco.py`` did, for a file and for the terminal."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ...coco.clean import KINDS, Change, count_changes
from ...coco.images import PROBLEMS, ImageProblem
from ...coco.read import Coco
from ...coco.statistics import class_statistics
from ...files import format_table

Report = dict[str, Any]


def report_counts(coco: Coco) -> dict[str, int]:
    """Numbers of images, annotations and categories of a file."""
    return {section: len(coco[section]) for section in ('images', 'annotations', 'categories')}


def report_changes(changes: Sequence[Change]) -> Report:
    """Every change, and how many there are of each kind.

    JSON has no numbers that are not finite, so these become texts (``'inf'``).
    """
    entries = [_replace_not_finite(asdict(change)) for change in changes]
    return {'counts': count_changes(list(changes)), 'list': entries}


def report_images(dropped: Sequence[ImageProblem], not_checked: Sequence[str]) -> Report:
    """The photographs that were dropped and those that could not be checked."""
    counts = Counter(problem.kind for problem in dropped)
    return {
        'dropped_counts': {kind: counts[kind] for kind in PROBLEMS if counts[kind]},
        'dropped': [asdict(problem) for problem in dropped],
        'not_checked_count': len(not_checked),
        'not_checked': list(not_checked),
    }


def report_dropped_categories(coco: Coco, mapping: dict[str, str | None]) -> dict[str, int]:
    """Number of boxes of each category that the mapping drops."""
    boxes = Counter(annotation['category_id'] for annotation in coco['annotations'])
    return {
        category['name']: boxes[category['id']]
        for category in coco['categories']
        if mapping[category['name']] is None
    }


def report_splits(splits: dict[str, Coco]) -> Report:
    """Statistics of each split; see :func:`~.statistics.class_statistics`."""
    return {name: asdict(class_statistics(coco)) for name, coco in splits.items()}


def _replace_not_finite(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _replace_not_finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_not_finite(item) for item in value]
    return value


def format_report(report: Report) -> str:
    """What a user wants to know at once, for the terminal."""
    counts = report['counts']
    before, after = counts['source'], counts['prepared']
    lines = [
        f'{report["source"]["file"]}: {_count(before)}, {before["categories"]} categories',
        *(f'  {line}' for line in _format_changes(report)),
        f'taxonomy {report["taxonomy"]["name"]}: {_count(after)}, {after["categories"]} classes',
    ]
    for name, split in report['splits'].items():
        lines += ['', *_format_split(name, split)]
    return '\n'.join(lines)


def _format_changes(report: Report) -> Iterator[str]:
    images = report['images']
    for kind, count in report['changes']['counts'].items():
        yield f'{count} {KINDS[kind]}'
    for kind, count in images['dropped_counts'].items():
        yield f'{count} images dropped: {PROBLEMS[kind]}'
    if images['dropped']:
        yield f'{report["counts"]["boxes_of_dropped_images"]} boxes dropped with their images'
    if images['not_checked']:
        yield f'{images["not_checked_count"]} images kept, but not checked: {PROBLEMS["missing"]}'
    for name, count in report['dropped_categories'].items():
        yield f'{count} boxes dropped: the taxonomy drops {name!r}'


def _format_split(name: str, split: Report) -> Iterator[str]:
    if not split['images']:
        yield f'{name}: none (its share of the images is 0), no file written'
        return
    yield (
        f'{name}: {split["images"]} images, {split["images_without_boxes"]} of them without '
        f'boxes, {split["boxes"]} boxes'
    )
    header = ['class', 'boxes', 'images', 'inverse density', 'weight']
    rows = [
        [
            entry['name'],
            str(entry['boxes']),
            str(entry['images']),
            f'{entry["inverse_density"]:.6f}',
            f'{entry["weight"]:.6f}',
        ]
        for entry in split['classes']
    ]
    yield from (f'  {line}' for line in format_table(header, rows).splitlines())


def format_warnings(report: Report) -> list[str]:
    """What a user may not have expected, one line each."""
    images = report['images']
    warnings = []
    if images['dropped']:
        first = images['dropped'][0]
        warning = (
            f'{len(images["dropped"])} of {report["counts"]["source"]["images"]} images were '
            f'dropped, the first {first["file_name"]!r} ({first["kind"]}: {first["detail"]}); '
            'report.json lists all'
        )
        if images['dropped_counts'].get('missing'):
            warning += '; --allow-missing-images keeps those whose photograph is missing'
        warnings.append(warning)
    absent = [entry['name'] for entry in report['splits']['train']['classes'] if not entry['boxes']]
    if absent:
        warnings.append(f'the training split has no box of {", ".join(map(repr, absent))}')
    return warnings


def _count(counts: dict[str, int]) -> str:
    return f'{counts["images"]} images, {counts["annotations"]} boxes'
