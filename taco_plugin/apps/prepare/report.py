"""What ``prepare_taco.py`` did, for a file and for the terminal."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...coco import KINDS, PROBLEMS, Coco
from ...tables import format_table
from ...taxonomies import Taxonomy

Report = dict[str, Any]


def count_dropped_categories(coco: Coco, taxonomy: Taxonomy) -> dict[str, int]:
    """Number of boxes of each category that the taxonomy drops."""
    boxes = Counter(annotation['category_id'] for annotation in coco['annotations'])
    names = {entry['name']: entry['id'] for entry in coco['categories']}
    return {name: boxes[key] for name, key in names.items() if taxonomy.mapping[name] is None}


def format_report(report: Report) -> str:
    """What a user wants to know at once, for the terminal."""
    numbers = '{images} images, {annotations} boxes, {categories} '
    before, after = [numbers.format(**report['counts'][key]) for key in ('source', 'prepared')]
    lines = [
        f'{report["source"]["file"]}: {before}categories',
        *(f'  {line}' for line in _format_changes(report)),
        f'taxonomy {report["taxonomy"]["name"]}: {after}classes',
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
    columns = 'boxes', 'images', 'inverse_density', 'weight'
    rows = [
        [
            entry['name'],
            *(format(entry[key], '' if key in columns[:2] else '.6f') for key in columns),
        ]
        for entry in split['classes']
    ]
    table = format_table(['class', *(key.replace('_', ' ') for key in columns)], rows)
    yield from (f'  {line}' for line in table.splitlines())


def format_warnings(report: Report) -> Iterator[str]:
    """What a user may not have expected, one line each."""
    names, images = report['test_names'], report['images']
    if names and names['unknown']:
        yield (
            f'{names["given"] - len(names["unknown"])} of {names["given"]} names in '
            f'{report["test_images"]} are those of images here; {len(names["unknown"])} are left '
            f'out, the first {names["unknown"][0]!r} (--strict-test-images refuses such a list)'
        )
    if images['dropped']:
        first = images['dropped'][0]
        hint = '; --allow-missing-images keeps those whose photograph is missing'
        yield (
            f'{len(images["dropped"])} of {report["counts"]["source"]["images"]} images were '
            f'dropped, the first {first["file_name"]!r} ({first["kind"]}: {first["detail"]}); '
            f'report.json lists all{hint if "missing" in images["dropped_counts"] else ""}'
        )
    if names and not report['splits']['test']['images']:
        yield 'no image of the test list is left: no test split is written'
    absent = [entry['name'] for entry in report['splits']['train']['classes'] if not entry['boxes']]
    if absent:
        yield f'the training split has no box of {", ".join(map(repr, absent))}'
