#!/usr/bin/env python
"""Exports a trained detector to ONNX or OpenVINO, and proves that it finds the same."""

from argparse import Namespace

from taco_plugin.command_line import (
    at_least,
    check_run_options,
    make_parser,
    one_line_errors,
    stage,
)
from taco_plugin.errors import InputError

_DESCRIPTION = """\
Exports a trained detector to ONNX or OpenVINO, in one file with all that predicting needs:
tools/predict.py takes it as --onnx or --openvino, also where there is no PyTorch.

Before the file gets its name, it is compared with PyTorch on real photographs: each box with its
box and, where there are annotations, mAP with mAP. If they differ by more than is allowed, the
command ends with an error and leaves nothing."""


def _parse_args() -> Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('--run', metavar='DIR', help='work dir of a training: its config and best checkpoint')
    add('--config', metavar='FILE', help='in place of --run, with --checkpoint')
    add('--checkpoint', metavar='FILE', help='weights for --config')
    add('--format', choices=['onnx', 'openvino'], required=True, help='what to write')
    add('--out', metavar='DIR', required=True, help='folder for the file and its report')
    add(
        '--precision',
        choices=['fp32', 'fp16', 'int8'],
        default='fp32',
        help='of the weights; int8 is quantised on --calibration (default: fp32)',
    )
    add('--calibration', metavar='DIR', help='some hundred photographs like those to predict')
    add(
        '--size',
        metavar='SIDE',
        type=at_least(32),
        help='resize and pad photographs to a square, pixels (default: any size, as tested)',
    )
    add('--tiles', action='store_true', help='always predict in tiles, as predict.py --tiles does')
    add('--raw', action='store_true', help='leave the last non-maximum suppression to the user')
    add('--images', metavar='DIR', help='photographs to compare on (default: the test split)')
    add('--annotations', metavar='FILE', help='COCO file of --images, to compare mAP too')
    add('--limit', metavar='N', type=at_least(1), default=50, help='photographs (default: 50)')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as for tools/test.py')
    args = parser.parse_args()
    check_run_options(args)
    if bool(args.calibration) != (args.precision == 'int8'):
        raise InputError('--precision int8 needs --calibration, and nothing else does')
    if args.annotations and not args.images:
        raise InputError('--annotations: give --images too')
    if args.size and args.tiles:
        raise InputError('--size: tiles have sizes of their own')
    return args


def main() -> None:
    """Entry point."""
    args = _parse_args()
    with stage('loading MMDetection'):
        import taco_plugin.plugin  # noqa: F401
        from taco_plugin.apps.export.export import export

    print(export(args))


if __name__ == '__main__':
    with one_line_errors():
        main()
