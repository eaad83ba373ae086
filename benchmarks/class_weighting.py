"""Trains the demo's detector on the embedded sample with each loss, and compares how it scores.

    python benchmarks/class_weighting.py --out docs/class_weighting.md

draws the sample, trains one detector per loss and seed, two minutes each on two CPU cores, scores
its best checkpoint on the test split, and writes the table. Runs that are there already are not
trained again.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from taco_plugin.coco import class_statistics, read_coco
from taco_plugin.evaluation.record import read_record

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / 'configs' / 'taco' / 'demo.py'


LOSSES: dict[str, dict[str, Any]] = {
    'cross-entropy': {'class_weights': None},
    'focal, gamma 2': {'type': 'WeightedFocalLoss', 'gamma': 2.0, 'class_weights': None},
    'weighted, inverse_density': {'class_weights': {'scheme': 'inverse_density'}},
    'weighted, hard': {'class_weights': {'scheme': 'hard'}},
    'weighted, effective_number': {'class_weights': {'scheme': 'effective_number'}},
}
"""What the demo's ``loss_cls``, which is weighted cross-entropy, is changed by."""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=Path, default=Path('data/sample'))
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/class_weighting'))
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--jobs', type=int, default=1, help='trainings at a time (default: 1)')
    parser.add_argument('--out', type=Path, help='where the Markdown is written')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='as for tools/train.py'
    )
    return parser.parse_args()


def flatten(settings: dict[str, Any], prefix: str) -> Iterator[str]:
    """``--cfg-options`` that set the leaves of a nested dict."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from flatten(value, f'{prefix}.{key}')
        else:
            yield f'{prefix}.{key}={value}'


def run(tool: str, *args: object, log: Path, data: Path) -> None:
    """Runs one of our commands; its output goes to ``log``."""
    with log.open('a') as output:
        subprocess.run(
            [sys.executable, str(ROOT / 'tools' / tool), *map(str, args)],
            check=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, 'TACO_DATA_ROOT': f'{data}/'},
        )


def train_and_score(args: argparse.Namespace, loss: str, seed: int) -> dict[str, float]:
    """AP, AP50 and each class's AP50 of one run on the test split."""
    folder = args.work_dir / f'{"_".join(loss.replace(",", "").split())}_{seed}'
    result = folder / 'result.json'
    if result.exists():
        return json.loads(result.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    options = [*flatten(LOSSES[loss], 'model.bbox_head.loss_cls'), *args.cfg_options]
    shared = {'log': folder / 'output.log', 'data': args.data}
    seeded = ['--cfg-options', f'randomness.seed={seed}', *options]
    run('train.py', CONFIG, '--work-dir', folder, *seeded, **shared)
    checkpoint = newest(folder.glob('best_coco_bbox_mAP_*.pth'))
    run('test.py', CONFIG, checkpoint, '--work-dir', folder / 'test', *seeded, **shared)
    figures = read_figures(newest((folder / 'test').glob('*/evaluations/test.json')))
    beside = result.with_suffix('.part')
    beside.write_text(json.dumps(figures))
    beside.replace(result)
    print(f'{loss}, seed {seed}: AP {figures["AP"]:.3f}, AP50 {figures["AP50"]:.3f}', flush=True)
    return figures


def read_figures(path: Path) -> dict[str, float]:
    """``AP`` and ``AP50``, and AP50 of each class by its name, of a recorded evaluation."""
    record = read_record(path)
    metrics = record.metrics['bbox']
    per_class = dict(zip(record.classes, metrics.per_class.AP50, strict=True))
    return {'AP': metrics.coco['mAP'], 'AP50': metrics.coco['mAP_50'], **per_class}


def newest(paths: Iterator[Path]) -> Path:
    """The newest of several files."""
    return max(paths, key=lambda path: path.stat().st_mtime)


def boxes_of(ann_file: Path) -> dict[str, int]:
    """Number of boxes of each class of a prepared file."""
    return {row.name: row.boxes for row in class_statistics(read_coco(ann_file)).classes}


def cell(values: Sequence[float]) -> str:
    """Mean, and the range of the runs."""
    return f'{statistics.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})'


def make_page(results: dict[str, list[dict[str, float]]], args: argparse.Namespace) -> str:
    """The Markdown page."""
    train, test = (
        boxes_of(args.data / 'annotations' / f'{split}.json') for split in ('train', 'test')
    )
    rarest = sorted(train, key=lambda name: train[name])[:4]
    lines = [
        '# Losses on the embedded sample',
        '',
        *textwrap.wrap(
            "The demo's detector (`configs/taco/demo.py`), trained with each loss and nothing else "
            f'changed, with the seeds {", ".join(map(str, args.seeds))}: mean and range on the '
            f'{sum(test.values())} boxes of the test split, at the checkpoint of the best AP on '
            'the validation split. Class weights are scaled to a mean of 1 over the boxes of the '
            'training split (`scale="boxes"`). The sample is drawn and small: on TACO, the order '
            'of the losses may be another.',
            100,
        ),
        '',
        '| loss | AP | AP50 | AP50 of the four rarest classes |',
        '|---|---|---|---|',
    ]
    for loss, runs in results.items():
        rare = [statistics.mean(figures[name] for name in rarest) for figures in runs]
        columns = [[figures['AP'] for figures in runs], [figures['AP50'] for figures in runs], rare]
        lines.append(f'| {loss} | {" | ".join(map(cell, columns))} |')
    lines += ['', '| class | training boxes | test boxes | ' + ' | '.join(results) + ' |']
    lines.append('|---|' + '---|' * (2 + len(results)))
    for name in sorted(train, key=lambda name: -train[name]):
        means = [f'{statistics.mean(run[name] for run in runs):.3f}' for runs in results.values()]
        lines.append(f'| {name} | {train[name]} | {test[name]} | ' + ' | '.join(means) + ' |')
    lines += ['', 'AP50 of each class, mean over the seeds. Made by:', '', '```bash']
    lines += ['python benchmarks/class_weighting.py --out docs/class_weighting.md', '```', '']
    return '\n'.join(lines)


def main() -> None:
    """Trains, scores and prints the page."""
    args = parse_args()
    args.work_dir.mkdir(parents=True, exist_ok=True)
    if not (args.data / 'annotations' / 'train.json').exists():
        shared = {'log': args.work_dir / 'data.log', 'data': args.data}
        run('dataset_converters/make_sample.py', '--out', args.data, **shared)
        run(
            *('dataset_converters/prepare_taco.py', args.data / 'annotations.json'),
            *('--images', args.data, '--taxonomy', 'taco10', '--test-fraction', 0.2),
            *('--out', args.data),
            **shared,
        )
    with ThreadPoolExecutor(args.jobs) as pool:
        # All losses with the first seed, then all with the next.
        futures = {
            (loss, seed): pool.submit(train_and_score, args, loss, seed)
            for seed in args.seeds
            for loss in LOSSES
        }
    results = {loss: [futures[loss, seed].result() for seed in args.seeds] for loss in LOSSES}
    page = make_page(results, args)
    print(page)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(page)


if __name__ == '__main__':
    main()
