#!/usr/bin/env python
"""Runs a study: trains, chooses, tests and compares several detectors, over several seeds."""

import argparse
from pathlib import Path

from taco_plugin.command_line import at_least, make_parser, one_line_errors

_DESCRIPTION = """\
Runs a study, such as configs/studies/demo.py: prepares the data with its classes and its split,
and for each of its runs and seeds

  1. trains on the training split, and takes the epoch that is best on the validation split
  2. trains again on both splits for that many epochs, if the study says so
  3. tests once

Then it compares the runs on one page, OUT/comparison.html: means and ranges over the seeds, and
how certain the differences from the first run are.

Started again, after any interruption, it goes on where it was. What is done is not done again
unless its config, the data or the study's options for it have changed."""


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('study', help='a file such as configs/studies/comparison.py')
    add('--out', metavar='DIR', type=Path, required=True, help='folder for all that it writes')
    root = '$TACO_DATA_ROOT, or data/taco'
    add('--annotations', metavar='FILE', help=f"TACO's annotations.json (default: in {root})")
    add(
        '--images',
        metavar='DIR',
        help='folder that holds batch_1 and so on (default: that of FILE)',
    )
    add('--extended', metavar='FILE', help='annotations for runs that learn from more photographs')
    add('--test-images', metavar='FILE', help="list of the test split, instead of the study's")
    add(
        '--max-side',
        metavar='N',
        type=at_least(1),
        help='scale the photographs first, their longest side N pixels at most',
    )
    add('--runs', nargs='+', metavar='NAME', help='only these, compared with the first')
    add('--seeds', nargs='+', metavar='N', type=int, help="instead of the study's")
    jobs = 'trainings at a time (default: as many as there are GPUs for; without a GPU, 2)'
    add('--jobs', metavar='N', type=at_least(1), help=jobs)
    add('--gpus', metavar='N', type=at_least(1), default=1, help='GPUs of each run (default: 1)')
    add('--launcher', choices=['none', 'slurm'], default='none', help='slurm: a job for each run')
    add('--partition', help='of the Slurm cluster')
    add('--dry-run', action='store_true', help='say what would be run and how long, and end')
    add('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='for every run')
    args = parser.parse_args()
    if (args.launcher == 'slurm') != (args.partition is not None):
        parser.error('--launcher slurm and --partition need one another')
    return args


def main() -> None:
    """Entry point."""
    args = _parse_args()
    from taco_plugin import compat

    compat.install()
    from taco_plugin.apps.study.study import Settings, run_study

    options = vars(args)
    del options['launcher']
    page = run_study(Settings(**options), Path(__file__).resolve().parent)
    print(f'\n{"planned in" if args.dry_run else "written:"} {page}')


if __name__ == '__main__':
    with one_line_errors():
        main()
