#!/usr/bin/env python
"""Downloads TACO's photographs, many at a time, and checks every one of them."""

import argparse
import sys
from pathlib import Path

from taco_plugin.command_line import at_least, make_parser, one_line_errors
from taco_plugin.errors import InputError

_DESCRIPTION = """\
Downloads the photographs that TACO's annotations.json names, into DIR/batch_1 and so on. What is
there already is checked and not fetched again, so the same command goes on after an interruption.

Every photograph is decoded, and its size is compared with the annotations'. One that was there
before stays as it is; a damaged one is fetched, one of another size is reported. What is fetched
is stored upright and as a JPEG. RGB and grey JPEGs that are upright keep their bytes; what is PNG,
WebP, CMYK or rotated by EXIF is encoded at quality 95 without subsampling of colour, transparency
over white.
DIR/download_report.json lists what is missing and why. Exit status 0 means that nothing is."""

_SIZE_HELP = """\
original (default), or 640: pixels of the longest side, as Flickr has them, else scaled here; then
use DIR/annotations_640.json, whose boxes and polygons fit, and not ANNOTATIONS"""


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add, count = parser.add_argument, at_least(1)
    default = '(default: %(default)s)'
    add('annotations', metavar='ANNOTATIONS', help="TACO's annotations.json, official or not")
    add('--out', metavar='DIR', required=True, help='folder for the photographs')
    add('--size', choices=('original', '640'), default='original', help=_SIZE_HELP)
    add('--retry-failed', action='store_true', help='ask only for what failed in the last run')
    add('--workers', metavar='N', type=count, default=32, help=f'at the same time {default}')
    add('--per-host', metavar='N', type=count, default=16, help=f'of these per host {default}')
    retries = 'after a failure that may pass, with growing pauses'
    add('--retries', metavar='N', type=at_least(0), default=5, help=f'{retries} {default}')
    timeout = f'seconds for one attempt at a photograph {default}'
    add('--timeout', metavar='S', type=at_least(1, float), default=300, help=timeout)
    largest = f'a larger photograph is refused {default}'
    add('--max-bytes', metavar='N', type=count, default=10**8, help=largest)
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = _parse_args()
    from taco_plugin.apps.download.download import REPORT_NAME, download, format_report
    from taco_plugin.apps.download.fetch import Fetcher

    fetcher = Fetcher(
        workers=args.workers,
        per_host=args.per_host,
        retries=args.retries,
        timeout=args.timeout,
        max_bytes=args.max_bytes,
    )
    try:
        report = download(
            args.annotations,
            args.out,
            args.size,
            retry_failed=args.retry_failed,
            fetcher=fetcher,
        )
    except KeyboardInterrupt:
        print('interrupted: the same command goes on from here', file=sys.stderr)
        raise
    print(format_report(report))
    if missing := report['counts']['missing']:
        raise InputError(
            f'{missing} of {report["counts"]["images"]} photographs are missing; '
            f'{args.out}/{REPORT_NAME} lists them; run again, or with --retry-failed'
        )
    annotations = args.annotations
    if args.size != 'original':
        annotations = f'{args.out}/{Path(annotations).stem}_{args.size}.json'
        print(f'{annotations} fits these photographs: its boxes and polygons are scaled')
    print(
        f'next: python tools/dataset_converters/prepare_taco.py {annotations} --images {args.out} '
        f'--taxonomy detectwaste7 --out {args.out}'
    )


if __name__ == '__main__':
    with one_line_errors():
        main()
