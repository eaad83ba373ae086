#!/usr/bin/env python
"""Makes one annotation file of several, such as TACO's official and unofficial ones."""

import argparse

from taco_plugin.command_line import make_parser, one_line_errors

_DESCRIPTION = """\
Cleans the files as prepare_taco.py does and makes one of them. Images, boxes, categories and
licences get new ids; categories of one name become one. An image that an earlier file has too, by
flickr_url or file_name, is left out with its boxes. Writes FILE, and beside it FILE's name with
.report.json in place of .json, which lists every change. Both are written or, after an error, none.

File names stay: TACO's photographs lie in batch_1 to batch_15, the unofficial ones in unofficial,
all in one folder."""


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('annotations', nargs='+', help='two or more COCO files; the first one keeps its images')
    add('--out', metavar='FILE', required=True, help='the merged file, .json')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = _parse_args()
    from taco_plugin.apps.merge import merge_files

    report = merge_files(args.annotations, args.out)
    print(f'{report}\n\nwritten: {args.out}')


if __name__ == '__main__':
    with one_line_errors():
        main()
