#!/usr/bin/env python
"""Shows what a detector looks at: attention of DETR's kind, class-activation maps of others."""

import argparse

from taco_plugin.command_line import (
    at_least,
    check_run_options,
    make_parser,
    one_line_errors,
    stage,
)

_DESCRIPTION = """\
Shows what a detector looks at when it finds something in photographs.

Of DETR and its kin, that is attention: of each detection's query in the decoder, and of points of
the photograph in the encoder (of Deformable DETR and DINO, the sampling points with their weights).
Of other detectors, that are class-activation maps.

Writes into OUT, all of it or, after an error, nothing:
  NAME.png         for each photograph: its detections with their maps
  attention.html   a page, which needs no other file: click on a detection or a point"""


def _read_point(text: str) -> tuple[float, float]:
    x, _, y = text.partition(',')
    try:
        return float(x), float(y)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is not of the form X,Y') from None


def _read_head(text: str) -> str | int:
    if text in ('mean', 'all'):
        return text
    if text.isdecimal() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f'{text!r} is neither a number from 1 on, mean nor all')


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('images', metavar='IMAGE', nargs='+', help='photograph')
    add('--out', metavar='DIR', required=True, help='folder for the results')
    add('--run', metavar='DIR', help='work dir of a training: its config and best checkpoint')
    add('--config', metavar='FILE', help='in place of --run, with --checkpoint')
    add('--checkpoint', metavar='FILE', help='weights for --config')
    method = 'default: attention if there is any, else gradcam; see docs/attention.md'
    add('--method', choices=('attention', 'eigencam', 'gradcam'), help=method)
    add('--layer', metavar='N', type=at_least(1), help='of the transformer (default: the last)')
    add('--head', metavar='N|mean|all', type=_read_head, help='of a layer (default: mean)')
    points = "pixels to show the encoder's attention of (default: the middles of the detections)"
    add('--points', metavar='X,Y', type=_read_point, nargs='+', help=points)
    threshold = 'least confidence (default: of the best F1 in the newest evaluation, else 0.3)'
    add('--score-threshold', metavar='T', type=at_least(0, float, 1), help=threshold)
    most = 'of a photograph, the most confident (default: 8)'
    add('--max-detections', metavar='N', type=at_least(0), default=8, help=most)
    add('--device', help='such as cuda:1 or cpu (default: a GPU if there is one)')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as for tools/test.py')
    args = parser.parse_args()
    check_run_options(args)
    return args


def main() -> None:
    """Entry point."""
    args = _parse_args()
    with stage('loading MMDetection'):
        import taco_plugin.plugin  # noqa: F401
        from taco_plugin.apps.attention.explain import PAGE, explain
    print('\n'.join(explain(args)))
    print(f'\nwritten: {args.out}, with {PAGE}')


if __name__ == '__main__':
    with one_line_errors():
        main()
