#!/usr/bin/env python
"""Measures what detectors cost: size, latency, throughput and memory."""

import argparse
import sys

from taco_plugin.command_line import at_least, make_parser, one_line_errors
from taco_plugin.errors import InputError

_DESCRIPTION = """\
Measures parameters, FLOPs, latency, throughput, memory and loading of detectors on this machine.
They take turns, each in a process of its own, so that what else the machine does hits all alike.

A config is measured with the weights of a training's beginning, and downloads nothing; the work
dir of a run with its best checkpoint. Exported files take their turns with them or alone, then all
on the CPU unless --device names another. Prints tables, writes cost.json into the work dirs, where
compare_runs.py finds it, and with --out

  DIR/cost.md    the tables in Markdown; the text before them is kept, if the page is there
  DIR/cost.csv   one row per detector
  DIR/cost.json  the same, with all that was measured"""


def _parse_args() -> argparse.Namespace:
    parser = make_parser(_DESCRIPTION)
    add, number = parser.add_argument, at_least(1)
    add('detectors', metavar='CONFIG_OR_RUN', nargs='*', help='a config, or the work dir of a run')
    add('--onnx', metavar='FILE', nargs='+', default=[], help='what tools/export.py wrote')
    add('--openvino', metavar='FILE', nargs='+', default=[], help='the same, XML files of OpenVINO')
    add('--out', metavar='DIR', help='folder for the tables')
    add('--batch-size', metavar='N', type=number, default=4, help='of the throughput (default: 4)')
    add('--rounds', metavar='N', type=number, default=3, help='turns of each (default: 3)')
    add('--warm-up', metavar='N', type=at_least(0), default=2, help='untimed runs (default: 2)')
    add(
        '--seconds',
        metavar='S',
        type=at_least(0, float),
        default=5.0,
        help='for latency, throughput and loading each, in each turn; a run that takes longer is '
        'finished (default: 5)',
    )
    add('--device', help='such as cuda:1 or cpu (default: a GPU if there is one)')
    add('--threads', metavar='N', type=number, help='of each detector (default: those of PyTorch)')
    add('--images', metavar='DIR', help='photographs to predict (default: random ones of 8 MP)')
    add(
        '--size',
        metavar=('W', 'H'),
        type=at_least(32),
        nargs=2,
        help="what photographs are resized to (default: the config's)",
    )
    args = parser.parse_args()
    for file in (*args.onnx, *args.openvino):
        if file.endswith('.xml') != (file in args.openvino):
            raise InputError(f'{file}: --openvino takes XML files, and nothing else does')
        if args.size:
            raise InputError(f'--size: {file} has a size of its own')
    if not (args.detectors or args.onnx or args.openvino):
        raise InputError('nothing to measure; name a config, a run or an exported file')
    return args


def main() -> None:
    """Entry point."""
    options = vars(_parse_args())
    from taco_plugin.apps.benchmark.benchmark import benchmark
    from taco_plugin.apps.benchmark.measure import Settings

    detectors, out = options.pop('detectors'), options.pop('out')
    exported = options.pop('onnx') + options.pop('openvino')
    report, is_complete = benchmark(detectors, out, Settings(**options), exported)
    print(report)
    if out:
        print(f'\nwritten: {out}/cost.md, cost.csv and cost.json')
    sys.exit(0 if is_complete else 1)


if __name__ == '__main__':
    with one_line_errors():
        main()
