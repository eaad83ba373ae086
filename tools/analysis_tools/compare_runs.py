#!/usr/bin/env python
"""Compares runs by what they wrote, or reports on one."""

from taco_plugin.command_line import at_least, make_parser, one_line_errors

_DESCRIPTION = """\
Reads what tools/train.py and tools/test.py wrote into each WORK_DIR, and writes

  DIR/comparison.html  one page that needs no network: tables that sort, curves, the same images
                       under each detector, and each run's own plots
  DIR/comparison.csv   one row per run, every metric
  DIR/comparison.md    the tables in Markdown

Runs are compared with the first. They are taken at their latest test if all were tested, else at
their best validation. Runs that were scored on different images or classes are not ranked together.
With one WORK_DIR, the page is the report of that run. A run with several seeds is given as
NAME=WORK_DIR,WORK_DIR,... and takes part with its means; the page then has their ranges too."""


def main() -> None:
    """Entry point."""
    parser = make_parser(_DESCRIPTION)
    add = parser.add_argument
    add('work_dirs', metavar='WORK_DIR', nargs='+', help='of a run, or WORK_DIR/<time> of a start')
    add('--out', metavar='DIR', required=True, help='folder for the results')
    add('--title', default='Litter detection', help='of the page (default: %(default)s)')
    add('--images', metavar='N', type=at_least(0), default=6, help='under each run (default: 6)')
    add('--photographs', metavar='DIR', help='their folder, if it is not where the runs had it')
    add('--published', metavar='FILE', help='JSON list of published results to show beside them')
    args = parser.parse_args()
    from taco_plugin import compat

    compat.install()
    from taco_plugin.apps.compare.compare import write_comparison

    print(write_comparison(**vars(args)))


if __name__ == '__main__':
    with one_line_errors():
        main()
