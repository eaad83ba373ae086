"""Makes the final files of all predictions, and counts the litter in them."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import yaml

from ...json_files import to_json
from ...tables import format_csv_rows, format_table
from .journal import Entry

SCHEMA_VERSION = 1

Rows = Sequence[tuple[str, Entry]]
"""Name of the file of each image, with what was predicted in it."""


def make_files(
    rows: Rows, classes: Sequence[str], kinds: Collection[str], folder: str, *, yolo: str
) -> dict[str, str]:
    """Makes the texts of the final files but the summary.

    Args:
        rows: All predictions.
        classes: Name of each class.
        kinds: Which to make: ``json``, ``csv``, ``yolo``; others are ignored.
        folder: That the names of files are relative to.
        yolo: Path of the folder with ``images`` and ``labels``.

    Returns:
        Name of each file -> its text.
    """
    files = {}
    if 'json' in kinds:
        files['predictions.json'] = to_json(make_coco(rows, classes, folder))
    if 'csv' in kinds:
        head = ['file', 'class', 'score', 'x', 'y', 'width', 'height']
        boxes = ([n, classes[label], *box] for n, row in rows for label, *box in row['boxes'])
        files['predictions.csv'] = format_csv_rows(head, boxes)
        labels = ((name, [label for label, *_ in row['boxes']]) for name, row in rows)
        counts = ([n, len(of), *map(of.count, range(len(classes)))] for n, of in labels)
        files['counts.csv'] = format_csv_rows(['file', 'litter', *classes], counts)
    if 'yolo' in kinds:
        data = {'path': yolo, 'train': 'images', 'names': dict(enumerate(classes))}
        files['yolo/data.yaml'] = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
        files['yolo/classes.txt'] = ''.join(f'{name}\n' for name in classes)
    return files


def make_coco(rows: Rows, classes: Sequence[str], folder: str) -> dict[str, Any]:
    """Makes a COCO file whose annotations are COCO results too."""
    coco: dict[str, Any] = {
        'info': {'description': 'predictions', 'image_folder': folder},
        'images': [],
        'categories': [
            {'id': number, 'name': name, 'supercategory': name}
            for number, name in enumerate(classes, start=1)
        ],
        'annotations': [],
    }
    for image_id, (name, row) in enumerate(rows, start=1):
        width, height = row['size']
        image = {'id': image_id, 'file_name': name, 'width': width, 'height': height}
        coco['images'].append({**image, 'counts': _count(row, classes)})
        for index, (label, score, *box) in enumerate(row['boxes']):
            of = {'id': len(coco['annotations']) + 1, 'image_id': image_id}
            of |= {'category_id': label + 1, 'bbox': box, 'score': score}
            of |= {'area': round(box[2] * box[3], 3), 'iscrowd': 0}
            of |= {'segmentation': row['masks'][index]} if 'masks' in row else {}
            coco['annotations'].append(of)
    return coco


def _count(row: Entry, classes: Sequence[str]) -> dict[str, int]:
    counts = Counter(label for label, *_ in row['boxes'])
    return {classes[label]: count for label, count in sorted(counts.items())}


def summarize(rows: Rows, classes: Sequence[str]) -> dict[str, Any]:
    """Counts the litter of each class, and in each image."""
    counts = [_count(row, classes) for _, row in rows]
    litter = [sum(of.values()) for of in counts]
    littered = sum(map(bool, counts))
    return {
        'images': len(rows),
        'images_with_litter': littered,
        'share_with_litter': round(littered / len(rows), 4) if rows else None,
        'litter': sum(litter),
        'litter_per_image': round(sum(litter) / len(rows), 4) if rows else None,
        'most_in_one_image': max(litter, default=0),
        'classes': {
            name: {
                'litter': sum(of.get(name, 0) for of in counts),
                'images': sum(name in of for of in counts),
            }
            for name in classes
        },
        'per_image': [
            {'file': name, 'litter': total, 'counts': of}
            for (name, _), total, of in zip(rows, litter, counts, strict=True)
        ],
    }


def format_summary(summary: dict[str, Any]) -> str:
    """What a user wants to know at once, for the terminal."""
    images = max(1, summary['images'])
    lines = [(name, *of.values()) for name, of in summary['classes'].items() if of['litter']]
    lines.sort(key=lambda line: -line[1])
    lines.append(('all litter', summary['litter'], summary['images_with_litter']))
    rows = [
        [name, f'{litter}', f'{litter / images:.2f}', f'{where}', f'{100 * where / images:.0f} %']
        for name, litter, where in lines
    ]
    rates = ', '.join(f'{stage} {rate:.3g}' for stage, rate in summary['images_per_second'].items())
    return (
        f'{format_table(["class", "litter", "per image", "images with it", "share"], rows)}\n\n'
        f'images: {summary["images"]}, unreadable files: {len(summary["unreadable"])}, '
        f'most litter in one image: {summary["most_in_one_image"]}\n'
        f'images per second: {rates}'
    )
