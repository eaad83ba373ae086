"""Measures the speed of exported detectors against PyTorch, and what int8 gains and loses.

    python benchmarks/runtimes.py work_dirs/yolox --out work_dirs/runtimes

Each run is exported to ONNX and OpenVINO, in float32 and in int8, which is quantised on photographs
of the training split. Then all sides predict the same photographs of the test split in turns, one
at a time, each with the same number of threads, several rounds; a cell is the median of its times.
Only what a detector computes is timed, from the decoded photograph to its boxes.
"""

import argparse
import statistics
import time
from argparse import Namespace
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

import taco_plugin.plugin  # noqa: F401
from taco_plugin.apps.export.export import export
from taco_plugin.apps.export.photographs import find_photographs, load
from taco_plugin.apps.export.proof import score
from taco_plugin.detector import Detector, find_run
from taco_plugin.errors import InputError
from taco_plugin.runtime.detector import ExportedDetector
from taco_plugin.tables import format_table

LEAST = 0.01
KINDS = {
    'ONNX Runtime': ('onnx', 'fp32'),
    'OpenVINO': ('openvino', 'fp32'),
    'ONNX Runtime, int8': ('onnx', 'int8'),
    'OpenVINO, int8': ('openvino', 'int8'),
}


def main() -> None:
    """Prints a table for each run."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('runs', nargs='+', help='work dirs of trainings')
    parser.add_argument('--out', required=True, help='folder for the exported files')
    parser.add_argument('--images', type=int, default=20, help='photographs (default: 20)')
    parser.add_argument('--rounds', type=int, default=3, help='of all sides (default: 3)')
    parser.add_argument('--threads', type=int, default=2, help='of each side (default: 2)')
    parser.add_argument('--calibration', help='photographs for int8 (without: no int8)')
    args = parser.parse_args()
    rows = [row for run in args.runs for row in measure(run, args)]
    print(format_table(['', 'ms per photograph', 'times PyTorch', 'AP'], rows))


def measure(run: str, args: Namespace) -> list[list[str]]:
    """Rows of the table of a run."""
    torch.set_num_threads(args.threads)
    reference = Detector(replace(find_run(run), threshold=LEAST), 'cpu', [], tiles=False)
    photographs = find_photographs(reference, None, None, args.images)
    sides: dict[str, Any] = {'PyTorch': reference}
    for name, (kind, precision) in KINDS.items():
        if precision == 'fp32' or args.calibration:
            sides[name] = open_export(run, kind, precision, args)
    sides = {name: side for name, side in sides.items() if side is not None}
    times: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, list] = {name: [] for name in sides}
    for number in range(args.rounds + 1):  # the first warms up
        for path in photographs.paths:
            image = load(path)
            for name, side in sides.items():
                began = time.perf_counter()
                (prediction,) = side.predict([side.prepare(image, str(path))])
                if number:
                    times[name].append(1000 * (time.perf_counter() - began))
                else:
                    found[name].append(prediction)
    base = statistics.median(times['PyTorch'])
    ap = partial(score, photographs.truth, photographs.ids)
    return [
        [
            f'{Path(run).name}, {name}',
            f'{statistics.median(times[name]):.0f}',
            f'{base / statistics.median(times[name]):.2f}',
            f'{ap(found[name]):.3f}',
        ]
        for name in sides
    ]


def open_export(run: str, kind: str, precision: str, args: Namespace) -> ExportedDetector | None:
    """Exports a run and opens the file; None, after a line, if it cannot be."""
    options = {'run': run, 'config': None, 'checkpoint': None, 'cfg_options': [], 'raw': False}
    options |= {'format': kind, 'precision': precision, 'size': None, 'tiles': False}
    options |= {'images': None, 'annotations': None, 'limit': args.images}
    options |= {'calibration': args.calibration if precision == 'int8' else None}
    out = Path(args.out, Path(run).name, f'{kind}_{precision}')
    try:
        export(Namespace(**options, out=str(out)))
    except InputError as error:
        print(f'{run}, {kind}, {precision}: {error}')
        return None
    (file,) = [path for path in out.iterdir() if path.suffix in ('.onnx', '.xml')]
    return ExportedDetector(str(file), LEAST, threads=args.threads)


if __name__ == '__main__':
    main()
