#!/usr/bin/env python
"""Predicts litter in photographs, videos and streams with a trained detector."""

import os
import sys
from argparse import Namespace
from contextlib import nullcontext

from taco_plugin.command_line import at_least, make_parser, one_line_errors, stage
from taco_plugin.errors import InputError

_DESCRIPTION = """\
Predicts litter in photographs, videos and streams with a trained detector.

Writes into OUT what --write names:
  json      predictions.json: images with their counts, and COCO results
  csv       predictions.csv: a row for each object; counts.csv: a row for each image
  pictures  pictures/: photographs and videos with frames around the litter
  crops     crops/: each object cut out
  yolo      yolo/: label files, and links to the photographs
  gallery   gallery.html: a page of all photographs, to filter, to enlarge, and on a map
and always summary.json: litter of each class and in each image, and files that cannot be read,
of which the exit status is 1 if there are any. Files are named as those of INPUT."""

_KINDS = 'json', 'csv', 'pictures', 'crops', 'yolo', 'gallery'


def _parse_args() -> Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add(
        'inputs',
        metavar='INPUT',
        nargs='+',
        help='photograph, folder (searched to any depth), pattern such as "a/*.jpg", text file '
        'with a path in each line, video, number of a camera, or address of a stream',
    )
    add('--out', metavar='DIR', required=True, help='folder for the results; new or empty')
    add('--run', metavar='DIR', help='work dir of a training: its config and best checkpoint')
    add('--onnx', metavar='FILE', help='in place of --run: a file that tools/export.py wrote')
    add('--openvino', metavar='FILE', help='the same, an XML file of OpenVINO')
    add('--config', metavar='FILE', help='in place of --run, with --checkpoint')
    add('--checkpoint', metavar='FILE', help='weights for --config')
    add(
        '--threshold',
        metavar='T',
        type=at_least(0, float, 1),
        help="least confidence (default: that of the best F1 in the run's newest evaluation, "
        'else 0.3)',
    )
    add('--write', nargs='+', choices=_KINDS, default=['json', 'pictures'], help='what to write')
    add('--device', help='such as cuda:1 or cpu (default: a GPU if there is one)')
    add('--batch-size', metavar='N', type=at_least(1), default=4, help='images (default: 4)')
    add(
        '--tiles',
        action='store_true',
        help='look at tiles of large photographs too: finds more '
        'of what is small, and takes longer',
    )
    add('--resume', action='store_true', help='go on where an interrupted run with this OUT was')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as for tools/test.py')
    args = parser.parse_args()
    given = [one for one in (args.run, args.config, args.onnx, args.openvino) if one]
    if len(given) != 1 or bool(args.config) != bool(args.checkpoint):
        raise InputError('give one of --run, --config with --checkpoint, --onnx, --openvino')
    if args.cfg_options and (args.onnx or args.openvino):
        raise InputError('--cfg-options change a config, which an exported file has not')
    if bool(args.openvino) != given[0].endswith('.xml'):
        raise InputError(f'{given[0]!r}: --openvino takes an XML file, and nothing else does')
    return args


def main() -> None:
    """Entry point."""
    args = _parse_args()
    is_first = os.environ.get('RANK', '0') == '0'
    with stage('loading the detector') if is_first else nullcontext():
        if args.run or args.config:
            import taco_plugin.plugin  # noqa: F401
        from taco_plugin.apps.predict.predict import predict
        from taco_plugin.apps.predict.results import format_summary
    summary = predict(args)
    if summary is not None:
        print(f'\n{format_summary(summary)}\nwritten: {args.out}')
        sys.exit(1 if summary['unreadable'] else 0)


if __name__ == '__main__':
    with one_line_errors():
        main()
