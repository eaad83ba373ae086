#!/usr/bin/env python
"""Makes annotation files that this project reads from a data set in YOLO's format."""

import argparse

from taco_plugin.command_line import make_parser, one_line_errors

_DESCRIPTION = """\
Reads data.yaml, the label files and the sizes of the images, and writes
OUT/annotations/train.json, val.json and test.json, one for each split of data.yaml: all files or,
after an error, none. File names are relative to the folder that holds all images, the `path` of
data.yaml or --images; that folder is the data_root to train with.

Boxes and polygons become annotations, polygons with their extent as the box. Sizes are those of
the displayed, EXIF-rotated photographs. A label line that breaks the format is an error."""


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('data', metavar='DATA_YAML', help='the data.yaml')
    add('--out', metavar='DIR', required=True, help='folder for annotations/')
    images = 'folder that holds all images, where `path` of data.yaml does not lie beside it'
    add('--images', metavar='DIR', help=images)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = _parse_args()
    from taco_plugin.apps.yolo.data import format_splits
    from taco_plugin.apps.yolo.import_ import import_yolo

    print(format_splits(import_yolo(**vars(args))))
    print(f'\nwritten: {args.out}/annotations')


if __name__ == '__main__':
    with one_line_errors():
        main()
