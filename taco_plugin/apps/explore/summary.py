"""A report of an exploration, for the terminal."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...coco import KINDS, PROBLEMS
from ...tables import format_table
from .source import printable

_MOST_CLASSES = 20


def format_report(report: dict[str, Any]) -> str:
    """What a user wants to know at once: files, defects, classes, sizes and duplicates."""
    files = report['files']
    parts = [
        *map(_format_file, files),
        _format_classes(files),
        _format_sizes(files, 'x'.join(map(str, report['settings']['input_size']))),
        _format_shared(report),
    ]
    return '\n\n'.join('\n'.join(part) for part in parts)


def _format_file(entry: dict[str, Any]) -> Iterator[str]:
    yield (
        f'{entry["label"]}: {entry["images"]} images, {entry["images_without_boxes"]} of them '
        f'without boxes, {entry["boxes"]} boxes'
    )
    defects, repeated = entry['defects']['counts'], entry['defects']['repeated_file_names']
    for kind, count in defects.items():
        yield f'  {count} {KINDS[kind]}'
    if repeated:
        yield f'  {repeated} images have the file name of one before'
    if not defects and not repeated:
        yield '  no defect in the annotations'
    if entry['dropped_by_taxonomy']:
        yield f'  {entry["dropped_by_taxonomy"]} boxes dropped by the taxonomy'
    if entry['crowds']:
        yield f'  {entry["crowds"]} of the boxes frame a group of objects (iscrowd)'
    for kind, count in (entry['photographs'] or {'problems': {}})['problems'].items():
        yield f'  {count} {PROBLEMS[kind]}'


def _format_classes(files: list[dict[str, Any]]) -> Iterator[str]:
    """Boxes in each file, and weights by the first; the most frequent classes."""
    tables = [{row['name']: row for row in entry['classes']} for entry in files]
    total: Counter[str] = Counter()
    for table in tables:
        total.update({name: row['boxes'] for name, row in table.items()})
    if not total:
        yield 'no classes'
        return
    alone = len(files) == 1
    counts = ['boxes', 'images'] if alone else [entry['label'] for entry in files]
    rows = []
    ranked = total.most_common()
    for name, _ in ranked[:_MOST_CLASSES]:
        found = [table.get(name) for table in tables]
        row = [printable(name), *(str(one['boxes']) if one else '-' for one in found)]
        if alone:
            row.append(str(tables[0][name]['images']))
        weights = ('inverse_density', 'weight')
        rows.append([*row, *(f'{found[0][key]:.6f}' if found[0] else '-' for key in weights)])
    yield format_table(['class', *counts, 'inverse density', 'weight'], rows)
    left_out = ranked[_MOST_CLASSES:]
    if left_out:
        yield f'... and {len(left_out)} classes of {sum(n for _, n in left_out)} boxes'
    if not alone:
        yield f'(inverse density and weight are those of {files[0]["label"]})'


def _format_sizes(files: list[dict[str, Any]], at_input: str) -> Iterator[str]:
    """Boxes per image, and shares of the size buckets."""
    header = ['file', 'boxes per image', 'most', 'sizes', 'small', 'medium', 'large', 'median side']
    rows = []
    for entry in files:
        per_image, sizes = entry['boxes_per_image'], entry['box_sizes']
        start = [entry['label'], f'{per_image["mean"]:.2f}', f'{per_image["max"]:.0f}']
        for key, name in (('native', 'native'), ('input', f'at {at_input}')):
            counts = sizes['buckets'][key].values()
            total = sum(counts)
            shares = [f'{100 * count / total:.1f}%' if total else '-' for count in counts]
            side = sizes[key]['root_area'] and sizes[key]['root_area']['median']
            form = '-' if side is None else f'{side:.0f} px' if side < 1e6 else f'{side:.1e} px'
            rows.append([*start, name, *shares, form])
            start = ['', '', '']
    yield format_table(header, rows)


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
