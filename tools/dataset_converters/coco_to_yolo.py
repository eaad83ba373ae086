#!/usr/bin/env python
"""Writes a prepared data set in the format of YOLO trainers such as ultralytics."""

import argparse

from taco_plugin.command_line import make_parser, one_line_errors

_DESCRIPTION = """\
Writes OUT/data.yaml, the photographs in OUT/images/SPLIT and a label file for each in
OUT/labels/SPLIT, in the folders of their file names (batch_1 and so on), and OUT/report.json with
all that is not as in the annotations. OUT appears when all is written, or not at all.

Crowds are left out, and so are photographs that are missing, unreadable or of another size. An
object of several polygons gets one line: they are linked by bridges of no width. Labels are for
the displayed, EXIF-rotated photograph, which ultralytics and all who load with OpenCV see."""


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    files = 'train.json, val.json and test.json as prepare_taco.py writes them, or their folder'
    add('annotations', nargs='+', help=files)
    add('--images', metavar='DIR', required=True, help='folder that holds batch_1 and so on')
    add('--out', metavar='DIR', required=True, help='new or empty folder for the results')
    links = ('symlink', 'hardlink', 'copy')
    link = 'how photographs come into OUT: ultralytics rewrites JPEGs with data behind their end, '
    link += 'through links too, and copy spares yours'
    add('--link', choices=links, default='symlink', help=f'{link} (default: symlink)')
    add('--segments', action='store_true', help='write polygons, to train masks; else boxes')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = _parse_args()
    from taco_plugin.apps.yolo.data import format_splits
    from taco_plugin.apps.yolo.export import export_yolo

    print(format_splits(export_yolo(**vars(args))))
    print(f'\nwritten: {args.out}; report.json in it lists all')
    task = 'segment' if args.segments else 'detect'
    print(f'next: yolo {task} train data={args.out}/data.yaml')


if __name__ == '__main__':
    with one_line_errors():
        main()
