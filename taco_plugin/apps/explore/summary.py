"""What was found, for the terminal."""

from collections.abc import Iterator
from typing import Any

from ...coco import KINDS, PROBLEMS
from ...files import format_table
from .names import printable

_MOST_CLASSES = 20


def format_report(report: dict[str, Any]) -> str:
    """What a user wants to know at once: files, defects, classes, sizes and duplicates.

    Args:
        report: As :func:`~.explore.explore` returns it.
    """
    files = report['files']
    parts = [
        *('\n'.join(_format_file(entry)) for entry in files),
        '\n'.join(_format_classes(files)),
        '\n'.join(_format_sizes(files, report['settings']['input_size'])),
        '\n'.join(_format_shared(report)),
    ]
    return '\n\n'.join(part for part in parts if part)


def _format_file(entry: dict[str, Any]) -> Iterator[str]:
    yield (
        f'{entry["label"]}: {entry["images"]} images, {entry["images_without_boxes"]} of them '
        f'without boxes, {entry["boxes"]} boxes'
    )
    defects = entry['defects']
    for kind, count in defects['counts'].items():
        yield f'  {count} {KINDS[kind]}'
    if defects['repeated_file_names']:
        yield f'  {defects["repeated_file_names"]} images have the file name of one before'
    if not defects['counts'] and not defects['repeated_file_names']:
        yield '  no defect in the annotations'
    if entry['dropped_by_taxonomy']:
        yield f'  {entry["dropped_by_taxonomy"]} boxes dropped by the taxonomy'
    if entry['crowds']:
        yield f'  {entry["crowds"]} of the boxes frame a group of objects (iscrowd)'
    for kind, count in (entry['photographs'] or {'problems': {}})['problems'].items():
        yield f'  {count} {PROBLEMS[kind]}'


def _format_classes(files: list[dict[str, Any]]) -> list[str]:
    """Boxes in each file, and weights by the first; the most frequent classes."""
    tables = [{row['name']: row for row in entry['classes']} for entry in files]
    names = list(dict.fromkeys(name for table in tables for name in table))
    total = {name: sum(table[name]['boxes'] for table in tables if name in table) for name in names}
    names.sort(key=lambda name: -total[name])
    several = [entry['label'] for entry in files]
    header = ['class', *(several if len(files) > 1 else ['boxes', 'images'])]
    rows = []
    for name in names[:_MOST_CLASSES]:
        counts = [str(table[name]['boxes']) if name in table else '-' for table in tables]
        first = tables[0].get(name)
        images = [str(first['images'])] if len(files) == 1 and first else []
        weights = [f'{first[key]:.6f}' if first else '-' for key in ('inverse_density', 'weight')]
        rows.append([printable(name), *counts, *images, *weights])
    lines = format_table([*header, 'inverse density', 'weight'], rows).splitlines()
    left_out = names[_MOST_CLASSES:]
    if left_out:
        boxes = sum(total[name] for name in left_out)
        lines.append(f'... and {len(left_out)} classes of {boxes} boxes')
    if len(files) > 1:
        lines.append(f'(inverse density and weight are those of {files[0]["label"]})')
    return lines if names else ['no classes']


def _format_sizes(files: list[dict[str, Any]], input_size: list[int]) -> list[str]:
    """Boxes per image, and shares of the size buckets."""
    header = ['file', 'boxes per image', 'most', 'sizes', 'small', 'medium', 'large', 'median side']
    rows = []
    at_input = 'x'.join(map(str, input_size))
    for entry in files:
        per_image, sizes = entry['boxes_per_image'], entry['box_sizes']
        start = [entry['label'], f'{per_image["mean"]:.2f}', f'{per_image["max"]:.0f}']
        for key, name in (('native', 'native'), ('input', f'at {at_input}')):
            counts = sizes['buckets'][key]
            total = sum(counts.values())
            shares = [f'{100 * count / total:.1f}%' if total else '-' for count in counts.values()]
            roots = sizes[key]['root_area']
            rows.append([*start, name, *shares, _format_side(roots['median']) if roots else '-'])
            start = ['', '', '']
    return format_table(header, rows).splitlines()


def _format_shared(report: dict[str, Any]) -> Iterator[str]:
    for entry in report['shared_file_names']:
        first, second = entry['files']
        yield f'{entry["count"]} file names are both in {first} and in {second}'
    alike = report['duplicates']
    if alike is None:
        yield 'photographs were not compared: give their folder with --images'
        return
    counts = alike['counts']
    pairs = counts['across_files'] + counts['within_files']
    split = f': {counts["across_files"]} across files' if len(report['files']) > 1 else ''
    exact = f', {counts["exact"]} of the same bytes' if pairs else ''
    yield (
        f'{pairs} near-duplicate pairs of {alike["hashed"]} photographs (hashes that differ in at '
        f'most {alike["threshold"]} of {alike["bits"]} bits){split}{exact}'
    )
    if alike['not_hashed']:
        yield f'{len(alike["not_hashed"])} photographs could not be compared'


def _format_side(pixels: float) -> str:
    return f'{pixels:.0f} px' if pixels < 1e6 else f'{pixels:.1e} px'
