#!/usr/bin/env python
"""Shows what annotation files hold, what is wrong with them, and which photographs are alike."""

import argparse
import re

from taco_plugin.command_line import make_parser, one_line_errors
from taco_plugin.taxonomies import TAXONOMIES

_DESCRIPTION = """\
Shows what one or several annotation files hold, side by side (train.json val.json test.json, say),
and what is wrong with them. Boxes are counted after cleaning as for training; what was mended or
dropped is counted as well. With --images, photographs are checked, and near-duplicates found.

Writes into OUT, all of it or, after an error, nothing:
  exploration.json       every number
  classes.png            boxes and weight of each class
  boxes_per_image.png  box_sizes.png  size_buckets.png  aspect_ratios.png  image_sizes.png
  cooccurrence*.png      how many images show two classes, for each file
  duplicates.jpg         near-duplicate photographs, across files first (with --images)
  samples*.jpg           images with their boxes, for each file (with --images and --samples)
A picture that would be empty is not drawn, and that of an earlier run is removed."""

_INPUT_SIZE = '1333x800'


def _read_size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r'([1-9]\d{0,4})x([1-9]\d{0,4})', text)
    if not match:
        raise argparse.ArgumentTypeError(f'{text!r} is not of the form {_INPUT_SIZE}')
    return int(match[1]), int(match[2])


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('annotations', metavar='ANN', nargs='+', help="prepared files, or TACO's own; six at most")
    add('--out', metavar='DIR', required=True, help='folder for the results')
    add('--images', metavar='DIR', help='folder that holds batch_1 and so on')
    add(
        '--taxonomy',
        metavar='NAME_OR_CSV',
        help=f'maps categories to classes: {", ".join(TAXONOMIES)}, or a CSV file category,class '
        '(default: categories as they are in the file)',
    )
    add(
        '--input-size',
        metavar='WxH',
        type=_read_size,
        default=_INPUT_SIZE,
        help='pixels that a detector resizes images to at most, keeping their ratio, whichever '
        'way round they are (default: %(default)s)',
    )
    add('--samples', metavar='N', type=int, default=0, help='images of each file to draw, 0 to 100')
    add('--seed', metavar='N', type=int, default=0, help='of the samples (default: 0)')
    add(
        '--duplicate-bits',
        metavar='N',
        type=int,
        default=8,
        help='photographs are near-duplicates if at most so many of the 64 bits of their '
        'perceptual hashes differ, 0 to 31 (default: 8)',
    )
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = _parse_args()
    from taco_plugin.apps.explore.explore import explore
    from taco_plugin.apps.explore.summary import format_report

    report = explore(**vars(args))
    print(format_report(report))
    print(f'\nwritten: {args.out}/exploration.json and {", ".join(report["pictures"])}')


if __name__ == '__main__':
    with one_line_errors():
        main()
