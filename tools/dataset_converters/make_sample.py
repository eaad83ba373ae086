#!/usr/bin/env python
"""Draws the sample dataset: litter on the ground, laid out and annotated exactly like TACO.

It needs no download, and every command of this project runs on it.
"""

import argparse
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from taco_plugin.apps.sample.settings import NUM_IMAGES
from taco_plugin.command_line import one_line_errors

#: A run that is over sooner shows no progress bar.
_SECONDS_TO_PROGRESS = 2


def parse_args() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--out',
        required=True,
        type=Path,
        help='folder for annotations.json and batch_N/*.jpg; a sample that is there is replaced',
    )
    parser.add_argument(
        '--images',
        type=int,
        default=NUM_IMAGES,
        metavar='N',
        help='images to draw, at least 1 (default: %(default)s)',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        metavar='N',
        help='the same seed draws the same images (default: %(default)s)',
    )
    return parser.parse_args()


def print_summary(coco: dict[str, Any], out: Path) -> None:
    """Prints what was drawn and the command that comes next."""
    names = {category['id']: category['name'] for category in coco['categories']}
    boxes = Counter(names[annotation['category_id']] for annotation in coco['annotations'])
    print(f'{out}: {len(coco["images"])} images, {boxes.total()} boxes')
    for name, count in boxes.most_common():
        print(f'{count:6d}  {name}')
    if (out / 'annotations').exists():
        print(f'note: {out / "annotations"} was prepared before: prepare it again')
    print(
        'next: python tools/dataset_converters/prepare_taco.py '
        f'{out / "annotations.json"} --images {out} --taxonomy taco10 --out {out}'
    )


def main() -> None:
    """Draws the dataset that the command line asks for."""
    args = parse_args()
    from tqdm import tqdm  # after --help has been answered, as the drawing code below

    from taco_plugin.apps.sample.dataset import write_sample

    with one_line_errors():
        track = partial(tqdm, desc='drawing', unit='image', delay=_SECONDS_TO_PROGRESS)
        coco = write_sample(args.out, args.images, args.seed, track)
        print_summary(coco, args.out)


if __name__ == '__main__':
    main()
