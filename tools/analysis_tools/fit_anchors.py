#!/usr/bin/env python
"""Fits the anchors of a detector to a data set, and says what that gains."""

import argparse
import sys

from taco_plugin.command_line import make_parser, one_line_errors

_DESCRIPTION = """\
Fits scales and ratios of the anchors of Faster R-CNN, RetinaNet or SSD to the training boxes, at
the size at which the detector is tested, and prints the share of boxes that an anchor meets with
an IoU of 0.5 and 0.7, at the positions of its grid, for the anchors of the config and for the
fitted ones; on the images that they were fitted to and on images held out. The number of anchors
stays, so that COCO's weights fit. The last lines are to be pasted into a config."""


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('config', help='a config, such as configs/taco/retinanet.py')
    add('annotations', help="the training file, or TACO's own annotations.json")
    add(
        '--held-out',
        metavar='FILE',
        help='annotations of other images (default: a fifth of the images is held out)',
    )
    add('--seed', metavar='N', type=int, default=0, help='of the search (default: 0)')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = _parse_args()
    print('loading MMDetection ...', file=sys.stderr)
    from taco_plugin import compat

    compat.install()
    from taco_plugin.apps.anchors.fit import compare_anchors

    print(compare_anchors(args.config, args.annotations, args.held_out, seed=args.seed))


if __name__ == '__main__':
    with one_line_errors():
        main()
