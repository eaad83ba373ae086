#!/usr/bin/env python
"""Draws the embedded sample, trains a small detector on it, scores it, predicts, and reports."""

import json
import os
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

from taco_plugin.checkpoint_files import best_checkpoint
from taco_plugin.command_line import make_parser, one_line_errors
from taco_plugin.errors import InputError

TOOLS = Path(__file__).resolve().parent
CONFIG = TOOLS.parent / 'configs' / 'taco' / 'demo.py'


def parse_args() -> Namespace:
    """The command line's arguments."""
    parser = make_parser(__doc__)
    parser.add_argument('--data', default='data/sample', help='where the sample is drawn')
    parser.add_argument('--work-dir', default='work_dirs/demo', help='where the run writes')
    parser.add_argument('--seed', type=int, default=0, help='of the training (the data are fixed)')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as for tools/train.py'
    )
    return parser.parse_args()


def main() -> None:
    """Runs the whole demo."""
    args = parse_args()
    began = time.monotonic()
    data, work_dir = Path(args.data), Path(args.work_dir)
    run('dataset_converters/make_sample.py', '--out', data)
    run(
        *('dataset_converters/prepare_taco.py', data / 'annotations.json', '--images', data),
        *('--taxonomy', 'taco10', '--test-fraction', '0.2', '--out', data),
    )
    os.environ['TACO_DATA_ROOT'] = f'{data}/'
    options = ['--cfg-options', f'randomness.seed={args.seed}', *args.cfg_options]
    run('train.py', CONFIG, '--work-dir', work_dir, *options, only='Epoch(')
    test_dir = work_dir / 'test'
    run(
        *('test.py', CONFIG, work_dir, '--work-dir', test_dir, '--show-dir', 'pictures'),
        *args.cfg_options and ['--cfg-options', *args.cfg_options],
        only='Epoch(',
    )
    unseen = json.loads((data / 'annotations' / 'test.json').read_text())['images'][:3]
    predicted = newest(test_dir, '*/figures/test').parents[1] / 'predictions'
    run(
        *('predict.py', *(data / image['file_name'] for image in unseen)),
        *('--run', work_dir, '--out', predicted),
    )
    report = work_dir / 'report'
    run('analysis_tools/compare_runs.py', work_dir, '--out', report, '--title', 'Litter, drawn')
    print_scores(newest(test_dir, '*/*.json'), data / 'annotations' / 'test.json')
    print(f'log         {newest(work_dir, "[0-9]*/*.log")}')
    print(f'checkpoint  {best_checkpoint(work_dir)}')
    print(f'figures     {newest(test_dir, "*/figures/test")} (curves, confusion, worst images)')
    print(f'pictures    {newest(test_dir, "*/pictures")} (truth left, predictions right)')
    print(f'predicted   {predicted / "pictures"} (litter framed in three of them by predict.py)')
    print(f'report      {report / "comparison.html"} (all of it in one page: open it)')
    print(f'time        {time.monotonic() - began:.0f} s')


def run(tool: str, *args: object, only: str = '') -> None:
    """Runs one of our commands as a user would, and prints the lines of its output with ``only``.

    Raises:
        InputError: If it fails, after all of its output.
    """
    command = [sys.executable, str(TOOLS / tool), *map(str, args)]
    print(f'\n$ tools/{tool} {" ".join(map(str, args))}', flush=True)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=None if not only else subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if only in line:
            print(line.partition(' - INFO - ')[2] or line, end='', flush=True)
    if process.wait():
        if only:
            sys.stderr.writelines(lines)
        raise InputError(f'tools/{tool} failed (exit status {process.returncode})')


def newest(folder: Path, pattern: str) -> Path:
    """The newest file or folder that fits ``pattern`` below ``folder``."""
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        raise InputError(f'{folder}: the run has written no {pattern}')
    return found[-1]


def print_scores(scores_file: Path, ann_file: Path) -> None:
    """Prints COCO's figures, and AP of each class beside its boxes in the test split."""
    scores = json.loads(scores_file.read_text())
    coco = json.loads(ann_file.read_text())
    print(f'\nTest split: {len(coco["images"])} images, {len(coco["annotations"])} boxes\n')
    for name in ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l'):
        print(f'{name:24}{scores[f"coco/bbox_{name}"]:>8.3f}')
    print(f'\n{"class":24}{"AP":>8}{"boxes":>8}')
    for category in coco['categories']:
        boxes = sum(box['category_id'] == category['id'] for box in coco['annotations'])
        ap = scores[f'coco/bbox_{category["name"]}_AP']
        print(f'{category["name"]:24}{ap:>8.3f}{boxes:>8}')
    print()


if __name__ == '__main__':
    with one_line_errors():
        main()
