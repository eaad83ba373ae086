#!/usr/bin/env python
"""Downloads TACO's photographs, many at a time, and checks every one of them."""

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any

from taco_plugin.command_line import ArgumentParser, one_line_errors
from taco_plugin.errors import InputError

_DESCRIPTION = """\
Downloads the photographs that TACO's annotations.json names, into DIR/batch_1 and so on. What is
there already is checked and not fetched again, so the same command goes on after an interruption.

Every photograph is decoded, its size is compared with the annotations', and it is stored upright
and as a JPEG. RGB and grey JPEGs that are upright keep their bytes; what is PNG, WebP, CMYK or
rotated by EXIF is encoded at quality 95 without subsampling of colour, transparency over white.
DIR/download_report.json lists what is missing and why. Exit status 0 means that nothing is."""

_SIZE_HELP = """\
original (default), or 640: pixels of the longest side, as Flickr has them, else scaled here; then
use DIR/annotations_640.json, whose boxes and polygons fit, and not ANNOTATIONS"""


def _at_least(least: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:  # noqa: ANN401
        value = kind(text)
        if not least <= value < math.inf:
            raise argparse.ArgumentTypeError(f'must be a number from {least}, not {text}')
        return value

    parse.__name__ = kind.__name__  # argparse names it when the text is no number
    return parse


def _parse_args() -> argparse.Namespace:
    parser = ArgumentParser(
        description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, count = parser.add_argument, _at_least(1, int)
    default = '(default: %(default)s)'
    add('annotations', metavar='ANNOTATIONS', help="TACO's annotations.json, official or not")
    add('--out', metavar='DIR', required=True, help='folder for the photographs')
    add('--size', choices=('original', '640'), default='original', help=_SIZE_HELP)
    add('--retry-failed', action='store_true', help='ask only for what failed in the last run')
    add('--workers', metavar='N', type=count, default=32, help=f'at the same time {default}')
    add('--per-host', metavar='N', type=count, default=16, help=f'of these per host {default}')
    retries = 'after a failure that may pass, with growing pauses'
    add('--retries', metavar='N', type=_at_least(0, int), default=5, help=f'{retries} {default}')
    seconds = 'seconds for one attempt at a photograph'
    add(
        '--timeout', metavar='S', type=_at_least(1, float), default=300, help=f'{seconds} {default}'
    )
    largest = 'a larger photograph is refused'
    add('--max-bytes', metavar='N', type=count, default=10**8, help=f'{largest} {default}')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = _parse_args()
    from taco_plugin.apps.download.download import DownloadSettings, download, name_scaled_file
    from taco_plugin.apps.download.fetch import Limits
    from taco_plugin.apps.download.report import REPORT_NAME, format_report

    limits = Limits(args.workers, args.per_host, args.retries, args.timeout, args.max_bytes)
    settings = DownloadSettings(args.annotations, args.out, args.size, args.retry_failed, limits)
    try:
        report = download(settings)
    except KeyboardInterrupt:
        print('interrupted: the same command goes on from here', file=sys.stderr)
        raise
    print(format_report(report))
    missing = report['counts']['missing']
    if missing:
        raise InputError(
            f'{missing} of {report["counts"]["images"]} photographs are missing; '
            f'{args.out}/{REPORT_NAME} lists them; run again, or with --retry-failed'
        )
    scaled = name_scaled_file(settings)
    if scaled:
        print(f'{scaled} fits these photographs: boxes and polygons are scaled as they are')
    annotations = f'{args.out}/{scaled}' if scaled else args.annotations
    print(
        f'next: python tools/dataset_converters/prepare_taco.py {annotations} --images {args.out} '
        f'--taxonomy detectwaste7 --out {args.out}'
    )


if __name__ == '__main__':
    with one_line_errors():
        main()
