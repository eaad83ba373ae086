#!/usr/bin/env python
"""Draws the sample dataset: litter on the ground, laid out and annotated exactly like TACO.

It needs no download, and every command of this project runs on it.
"""

from argparse import Namespace
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from taco_plugin.command_line import at_least, make_parser, one_line_errors


def parse_args() -> Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        '--out',
        required=True,
        type=Path,
        help='folder for annotations.json and batch_N/*.jpg; a sample that is there is replaced',
    )
    parser.add_argument(
        '--images',
        type=at_least(1),
        metavar='N',
        default=240,
        help='images to draw (default: %(default)s)',
    )
    parser.add_argument(
        '--seed',
        type=at_least(0),
        metavar='N',
        default=0,
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

    track = partial(tqdm, desc='drawing', unit='image', delay=2)
    coco = write_sample(args.out, args.images, args.seed, track=track)
    print_summary(coco, args.out)


if __name__ == '__main__':
    with one_line_errors():
        main()
