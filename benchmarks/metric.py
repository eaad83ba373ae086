"""Times TacoMetric beside MMDetection's CocoMetric on random detections.

    python benchmarks/metric.py [--images N] [--detections N] [--classes N]

Each scores the same predictions in a process of its own; both times include the reading of the
annotation file. Prints wall-clock and CPU seconds, the memory that scoring adds at its peak, and
mAP, which must be equal.
"""

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

METRICS = ('CocoMetric', 'TacoMetric', 'TacoMetric, with sizes at the input')
SIDE = 960


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=5000)
    parser.add_argument('--detections', type=int, default=100, help='of each image')
    parser.add_argument('--classes', type=int, default=60)
    parser.add_argument('--measure', choices=METRICS, help=argparse.SUPPRESS)
    parser.add_argument('--folder', type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def draw(args: argparse.Namespace) -> None:
    """Writes five true boxes an image and detections, of which up to 30 lie near those."""
    rng = np.random.default_rng(0)

    def boxes(count: int) -> np.ndarray:
        sizes = np.exp(rng.uniform(np.log(8), np.log(300), (args.images, count, 2)))
        return np.concatenate([rng.uniform(0, SIDE - sizes), sizes], axis=2)

    true, found = boxes(5), boxes(args.detections)
    true_labels = rng.integers(args.classes, size=true.shape[:2])
    labels = rng.integers(args.classes, size=found.shape[:2])
    near = min(30, args.detections)
    rows = np.arange(near) % 5
    found[:, :near] = true[:, rows] + rng.normal(0, 4, (args.images, near, 4))
    labels[:, :near] = true_labels[:, rows]
    found[..., 2:] = found[..., :2] + found[..., 2:].clip(1)
    scores = rng.random(found.shape[:2], dtype=np.float32)
    np.savez(args.folder / 'found', boxes=found.astype(np.float32), labels=labels, scores=scores)
    annotations = [
        {
            **{'id': image * 5 + row + 1, 'image_id': image, 'category_id': int(label) + 1},
            **{'bbox': box.tolist(), 'area': float(box[2] * box[3]), 'iscrowd': 0},
        }
        for image in range(args.images)
        for row, (box, label) in enumerate(zip(true[image], true_labels[image], strict=True))
    ]
    size = {'width': SIDE, 'height': SIDE}
    coco = {
        'images': [{'id': i, 'file_name': f'{i}.jpg', **size} for i in range(args.images)],
        'categories': [{'id': i + 1, 'name': f'class {i}'} for i in range(args.classes)],
        'annotations': annotations,
    }
    (args.folder / 'truth.json').write_text(json.dumps(coco))


def peak() -> float:
    """Most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Scores the predictions with one metric."""
    from mmdet.evaluation import CocoMetric

    from taco_plugin.evaluation.taco_metric import TacoMetric

    with np.load(args.folder / 'found.npz') as columns:
        rows = zip(*(torch.from_numpy(columns[key]) for key in columns), strict=True)
        samples = [
            {
                **{'img_id': image, 'ori_shape': (SIDE, SIDE), 'scale_factor': (0.5, 0.5)},
                'pred_instances': {'bboxes': boxes, 'labels': labels, 'scores': scores},
            }
            for image, (boxes, labels, scores) in enumerate(rows)
        ]
    before, began, cpu = peak(), time.perf_counter(), time.process_time()
    path = str(args.folder / 'truth.json')
    with contextlib.redirect_stdout(io.StringIO()):
        if args.measure == 'CocoMetric':
            metric = CocoMetric(path, classwise=True)
        else:
            metric = TacoMetric(path, size_at_input='input' in args.measure)
        metric.dataset_meta = {'classes': [f'class {i}' for i in range(args.classes)]}
        metric.process({}, samples)
        scores = metric.evaluate(size=args.images)
    return {
        'seconds': time.perf_counter() - began,
        'CPU seconds': time.process_time() - cpu,
        'MB': peak() - before,
        'mAP': scores['coco/bbox_mAP'],
    }


def main() -> None:
    """Measures each metric and prints the table."""
    from taco_plugin.tables import format_table

    args = parse_args()
    if args.measure:
        print(json.dumps(measure(args)))
        return
    with tempfile.TemporaryDirectory() as folder:
        args.folder = Path(folder)
        draw(args)
        found = {}
        for name in METRICS:
            command = [sys.executable, __file__, *sys.argv[1:], '--folder', folder]
            done = subprocess.run(
                [*command, '--measure', name], check=True, stdout=subprocess.PIPE, text=True
            )
            found[name] = json.loads(done.stdout.splitlines()[-1])
    stock = found['CocoMetric']
    rows = [
        [
            name,
            *(
                f'{figures[key]:.1f} ({figures[key] / stock[key]:.2f})'
                for key in ('seconds', 'CPU seconds', 'MB')
            ),
            f'{figures["mAP"]:.3f}',
        ]
        for name, figures in found.items()
    ]
    print(f'{args.images} images, {args.detections} detections each, {args.classes} classes')
    print(format_table(['metric (ratio to the first)', 's', 'CPU s', 'MB', 'mAP'], rows))


if __name__ == '__main__':
    main()
