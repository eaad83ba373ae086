#!/usr/bin/env python
"""Searches for settings of a config with Optuna."""

import argparse
import shlex
import sys
from pathlib import Path

from taco_plugin.command_line import at_least, import_extra, make_parser, one_line_errors, stage
from taco_plugin.errors import InputError

_DESCRIPTION = """\
Searches for settings of a config with Optuna: trains the config many times, each time with settings
that a Python file chooses, and ends trainings that are not promising. The same command, started
again, resumes; started several times at once, it shares the work.

Writes into OUT
  best.py                       the config with the best settings
  trials.csv                    all trials
  history.png, importance.png   plots of them
  trials/                       config, output and work dir of each; checkpoints of the best only"""


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('config', help='a config, such as configs/taco/demo.py')
    add('--space', metavar='FILE', required=True, help='such as configs/search/schedule.py')
    add('--trials', metavar='N', type=at_least(1), required=True, help='of all workers and starts')
    add('--out', metavar='DIR', required=True, help='folder for the results')
    add('--storage', metavar='URL', help='journal:FILE or a database (default: a journal in OUT)')
    add('--metric', metavar='NAME', default='coco/bbox_mAP', help='default: coco/bbox_mAP')
    add('--timeout', metavar='HOURS', type=at_least(0, float), help='begin no trial after that')
    add('--processes', metavar='N', type=at_least(1), default=1, help='GPUs for each trial')
    help_ = 'weights, or work dir with its best: search post-processing, and train nothing'
    add('--checkpoint', metavar='FILE', help=help_)
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as for tools/train.py')
    args = parser.parse_args()
    if args.checkpoint and args.processes > 1:
        raise InputError('--processes trains, but --checkpoint does not; leave one out')
    return args


def main() -> None:
    """Entry point."""
    args = _parse_args()
    import_extra('optuna', 'search')
    with stage('loading Optuna and MMEngine'):
        if args.checkpoint:
            import taco_plugin.plugin  # noqa: F401
        from taco_plugin.apps.search.search import Search
    Search(args, Path(__file__).parent, shlex.join(['tools/search.py', *sys.argv[1:]])).run()


if __name__ == '__main__':
    with one_line_errors():
        main()
