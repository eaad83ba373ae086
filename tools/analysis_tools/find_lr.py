#!/usr/bin/env python
"""Finds a learning rate for a config, by a short training in which it rises."""

import argparse

from taco_plugin.command_line import at_least, make_parser, one_line_errors

_DESCRIPTION = """\
Finds a learning rate: trains for a short time, on the data and with the optimizer of the config,
while the rate rises exponentially from 1e-7 to 10 or until the loss is four times its best. Prints
the rate at which the loss falls fastest, a tenth of that at which it is lowest, and what to add to
the command of a training for each; draws the loss over the rate.

Writes find_lr.json and find_lr.png into OUT, and nothing else: no checkpoints and no logs. Hooks
and schedule of the config take no part. In several processes:
  python -m torch.distributed.run --nproc_per_node=2 tools/analysis_tools/find_lr.py CONFIG \\
      --launcher pytorch"""


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('config', help='a config, such as configs/taco/faster_rcnn.py')
    add(
        '--out',
        metavar='DIR',
        help='folder for the results (default: work_dirs/find_lr/<name of the config>)',
    )
    add(
        '--iterations',
        metavar='N',
        type=at_least(10),
        help='steps from the lowest rate to the highest (default: one pass over the data, but at '
        'least 100)',
    )
    add(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='as for tools/train.py (default: none)',
    )
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as for tools/train.py')
    return parser.parse_args()


def main() -> None:
    """Entry point."""
    args = _parse_args()
    from taco_plugin import compat

    compat.install()
    from taco_plugin.apps.find_lr.find_lr import find_lr

    if report := find_lr(**vars(args)):
        print(report)


if __name__ == '__main__':
    with one_line_errors():
        main()
