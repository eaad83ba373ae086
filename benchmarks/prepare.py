"""Measures how the time of each step of prepare_taco.py grows with the number of annotations.

Usage::

    python benchmarks/prepare.py [--largest N]

Times are CPU seconds. Each row holds ten times as many annotations as the one above; the ratio in
brackets is its time divided by that of the row above, 10 for a step that is exactly linear.
1,000,000 annotations need about 3 GB of memory and two minutes.
"""

import argparse
import gc
import json
import random
import tempfile
import time
from pathlib import Path

from taco_plugin.coco import (
    class_statistics,
    clean_annotations,
    read_coco,
    remap_categories,
    split_images,
)
from taco_plugin.files import write_files
from taco_plugin.json_files import to_json
from taco_plugin.tables import format_table
from taco_plugin.taxonomies import load_taxonomy

WIDTH, HEIGHT = 2448, 3264


def make_file(num_annotations: int) -> dict:
    """As TACO: three boxes per photograph, 60 categories of very different frequency."""
    rng = random.Random(0)
    names = load_taxonomy('taco60').classes
    categories = rng.choices(range(60), [1 / (1 + n) for n in range(60)], k=num_annotations)
    num_images = max(1, num_annotations // 3)
    return {
        'info': {},
        'categories': [{'id': n, 'name': name} for n, name in enumerate(names)],
        'images': [
            {'id': n, 'file_name': f'batch_1/{n}.jpg', 'width': WIDTH, 'height': HEIGHT}
            for n in range(num_images)
        ],
        'annotations': [
            make_annotation(rng, n + 1, rng.randrange(num_images), category)
            for n, category in enumerate(categories)
        ],
    }


def make_annotation(rng: random.Random, number: int, image_id: int, category_id: int) -> dict:
    """One in a few hundred leaves its image."""
    x, y, w, h = rng.uniform(-1, 2000), rng.uniform(-1, 3000), rng.uniform(5, 400), 200.0
    corners = [x, y, x + w, y, x + w, y + h, x, y + h]
    return {
        'id': number,
        'image_id': image_id,
        'category_id': category_id,
        'bbox': [x, y, w, h],
        'segmentation': [[*corners, *corners]],
        'area': w * h,
        'iscrowd': 0,
    }


def measure(num_annotations: int, folder: Path) -> dict[str, float]:
    """CPU seconds of each step: other work on the machine does not count."""
    path = folder / 'annotations.json'
    path.write_text(json.dumps(make_file(num_annotations)))
    gc.collect()
    seconds, start = {}, time.process_time()

    def lap(step: str) -> None:
        nonlocal start
        now = time.process_time()
        seconds[step], start = now - start, now

    coco = read_coco(path)
    lap('read')
    coco, _ = clean_annotations(coco)
    lap('clean')
    coco = remap_categories(coco, load_taxonomy('taco10'))
    lap('remap')
    splits = split_images(coco, 0.1, 0.1, 0)
    lap('split')
    for part in splits.values():
        class_statistics(part)
    lap('statistics')
    write_files(folder, {f'{name}.json': to_json(part) for name, part in splits.items()})
    lap('write')
    seconds['total'] = sum(seconds.values())
    return seconds


def main() -> None:
    """Prints one row per number of annotations."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--largest', type=int, default=1_000_000, help='default: 1000000')
    largest = parser.parse_args().largest
    rows, before = [], {}
    num_annotations = 1000
    with tempfile.TemporaryDirectory() as folder:
        measure(num_annotations, Path(folder))  # warm up
        while num_annotations <= largest:
            print(f'measuring {num_annotations} annotations ...', flush=True)
            now = measure(num_annotations, Path(folder))
            cells = [
                f'{value:.3f} s' + (f' ({value / before[step]:4.1f}x)' if before else ' (    -)')
                for step, value in now.items()
            ]
            rows.append([f'{num_annotations}', *cells])
            before, num_annotations = now, num_annotations * 10
    print(format_table(['annotations', *before], rows))


if __name__ == '__main__':
    main()
