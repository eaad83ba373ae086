#!/usr/bin/env python
"""Makes training, validation and test files from TACO's own annotations."""

import argparse
import sys

from taco_plugin.command_line import at_least, make_parser, one_line_errors
from taco_plugin.taxonomies import TAXONOMIES

_DESCRIPTION = """\
Checks and cleans TACO's annotations, maps their categories to the classes of a taxonomy and splits
them by image. Writes OUT/annotations/train.json, val.json and test.json, and OUT/report.json with
every change that was made. All files are written or, after an error, none.

Images that are missing or unreadable, or whose size is not that of the annotations, are dropped
and listed in the report.

Photographs stay where they are: the files know their folder. With --max-side, they are also written
to OUT, at most that large, and the annotations refer to these: training from OUT then has less to
read and decode, and scores are still those on the originals. A run that was interrupted goes on
where it was."""

_TEST_FRACTION = 0.1


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('annotations', help="TACO's annotations.json, or a COCO file with its categories")
    add('--images', metavar='DIR', help='folder that holds batch_1 and so on')
    add(
        '--taxonomy',
        metavar='NAME_OR_CSV',
        default=TAXONOMIES[0],
        help=f'{", ".join(TAXONOMIES)}, or a CSV file category,class (default: {TAXONOMIES[0]})',
    )
    add('--out', metavar='DIR', required=True, help='folder for the results')
    add(
        '--test-images',
        metavar='FILE',
        help='COCO .json or text list; its file names become the test split',
    )
    add(
        '--strict-test-images',
        action='store_true',
        help='refuse --test-images that name an image which the annotations lack',
    )
    share = 'share of the images, 0 for none: then no file is written'
    add('--test-fraction', metavar='F', type=float, help=f'{share} (default: {_TEST_FRACTION})')
    add('--val-fraction', metavar='F', type=float, default=0.1, help=f'{share} (default: 0.1)')
    add('--seed', metavar='N', type=int, default=0, help='of the split (default: 0)')
    add(
        '--allow-missing-images',
        action='store_true',
        help='keep images whose photograph is missing; --images may then be left out',
    )
    add(
        '--max-side',
        metavar='N',
        type=at_least(1),
        help='write the photographs to OUT, their longest side N pixels at most',
    )
    args = parser.parse_args()
    if args.test_images and args.test_fraction is not None:
        parser.error('--test-fraction has no effect with --test-images: give one of them')
    if args.strict_test_images and not args.test_images:
        parser.error('--strict-test-images has no effect without --test-images')
    if not args.test_images and args.test_fraction is None:
        args.test_fraction = _TEST_FRACTION
    return args


def main() -> None:
    """Entry point."""
    args = _parse_args()
    from taco_plugin.apps.prepare.prepare import PrepareSettings, prepare
    from taco_plugin.apps.prepare.report import format_report, format_warnings

    report = prepare(PrepareSettings(**vars(args)))
    print(format_report(report))
    for warning in format_warnings(report):
        print(f'warning: {warning}', file=sys.stderr)
    print(f'\nwritten: {args.out}/annotations and {args.out}/report.json')
    if args.max_side:
        scaled, copied = (report['photographs'][kind] for kind in ('scaled', 'copied'))
        print(f'and to {args.out}: {scaled} photographs scaled, {copied} smaller ones copied')


if __name__ == '__main__':
    with one_line_errors():
        main()
