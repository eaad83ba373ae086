"""Compares tiled inference with SAHI's and with supervision's: scores, speed and network calls.

    python benchmarks/slicing.py CONFIG CHECKPOINT [--tile 640] [--longest-side 1280] [--threads 2]

CONFIG is any of MMDetection's on TACO with a ``Resize`` that keeps the aspect ratio; photographs
and truth are those of its ``test_dataloader``. All see as many tiles of the same photographs, with
the same weights, and merge by non-maximum suppression of each class at IoU 0.5. Ours are evenly
spaced, and there, boxes that the edge of a tile cuts give way to whole ones; the others move the
last tile back into the photograph. The last row is ours with its defaults.

Photographs are measured by all in turn, each from its file to its boxes. Times are medians of the
rounds, and so are ratios, each taken within its round.
"""

import argparse
import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import supervision
import torch
from mmdet.apis import init_detector
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from sahi.models.mmdet import MmdetDetectionModel
from sahi.predict import get_sliced_prediction
from tqdm import tqdm

import taco_plugin.plugin  # noqa: F401
from taco_plugin.evaluation.detections import map_to_original
from taco_plugin.evaluation.evaluate import evaluate, read_truth
from taco_plugin.evaluation.metrics import ScoreSettings
from taco_plugin.tables import format_table
from taco_plugin.tiles import use_tiles

Found = Sequence[np.ndarray]
"""Boxes in a photograph (xyxy, shape (N, 4)), their scores and labels (shape (N,))."""

AS_THEIRS = {'largest_in_tiles': math.inf, 'tile_score': 1.0, 'max_per_image': 1000}
HEADER = ['', 'AP', 'AP50', 'AR@100', 'images/s (ours / it)', 'CPU s (it / ours)', 'calls', 'views']
"""``calls`` of the network for a photograph, and the number of ``views`` in each."""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('config', type=Path, help='a config on TACO, without tiles')
    add('checkpoint', type=Path)
    add('--tile', type=int, default=640, help='pixels (default: 640)')
    add('--longest-side', type=int, default=1280, help='of the resized photographs (default: 1280)')
    add('--overlap', type=float, default=0.2, help='of neighbours, in tiles (default: 0.2)')
    add('--batch-size', type=int, help='views in a call, where it can (default: GPU 4, CPU 1)')
    add('--rounds', type=int, default=3, help='default: 3')
    add('--count', type=int, help='photographs (default: all)')
    add('--threads', type=int, default=torch.get_num_threads(), help="PyTorch's (%(default)s)")
    add('--device', default='cpu', help='default: cpu')
    args = parser.parse_args()
    args.batch_size = args.batch_size or (1 if args.device == 'cpu' else 4)
    return args


class Slicers:
    """All ways of finding objects in tiles; ``calls`` gets the views in each call of a network."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.calls = args, []
        self.config = Config.fromfile(args.config)
        self.sahi = MmdetDetectionModel(  # scores have the detector's threshold alone
            str(args.checkpoint), config_path=copy.deepcopy(self.config), device=args.device,
            confidence_threshold=0, image_size=args.tile,
        )  # fmt: skip
        self.plain, self.pipeline = self.sahi.model.model, self.sahi.model.pipeline
        self._count_calls(self.plain)
        self.ways: dict[str, Callable[[int], Found]] = {
            'tiles: ours': self._ours(whole_image=False, **AS_THEIRS),
            'tiles: SAHI': self._sahi(whole=False),
            'tiles: supervision': self._supervision(),
            'tiles and the whole: ours': self._ours(whole_image=True, **AS_THEIRS),
            'tiles and the whole: SAHI': self._sahi(whole=True),
            'defaults: ours': self._ours(),
        }

    def _count_calls(self, model: torch.nn.Module) -> None:
        model.data_preprocessor.register_forward_hook(
            lambda module, inputs, output: self.calls.append(len(output['inputs']))
        )

    def _load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """A resized photograph (BGR), and the factors of its boxes' sides."""
        loaded = self.load(self.dataset.get_data_info(index))
        return loaded['img'], np.tile(loaded['scale_factor'], 2)

    def _ours(self, **tiling: float) -> Callable[[int], Found]:
        args, config = self.args, copy.deepcopy(self.config)
        tiling |= {'overlap': args.overlap, 'batch_size': args.batch_size}
        use_tiles(config, args.tile, args.longest_side, train=0, **tiling)
        model = init_detector(config, str(args.checkpoint), device=args.device)
        self._count_calls(model)
        self.dataset = DATASETS.build(config.test_dataloader.dataset)
        transforms = self.dataset.pipeline.transforms
        names = [type(transform).__name__ for transform in transforms]
        self.load = Compose(transforms[: names.index('Resize') + 1])

        def find(index: int) -> Found:
            (sample,) = model.test_step(pseudo_collate([self.dataset[index]]))
            found = sample.pred_instances
            return [found[key].numpy(force=True) for key in ('bboxes', 'scores', 'labels')]

        return find

    def _sahi(self, *, whole: bool) -> Callable[[int], Found]:
        tile, overlap = self.args.tile, self.args.overlap

        def find(index: int) -> Found:
            image, scale = self._load(index)
            rows = get_sliced_prediction(
                np.ascontiguousarray(image[..., ::-1]), self.sahi, tile, tile,
                overlap_height_ratio=overlap, overlap_width_ratio=overlap,
                perform_standard_pred=whole, postprocess_type='NMS',
                postprocess_match_metric='IOU', postprocess_match_threshold=0.5,
                batch_size=self.args.batch_size, verbose=0,
            ).object_prediction_list  # fmt: skip
            boxes = np.array([row.bbox.to_xyxy() for row in rows]).reshape(-1, 4) / scale
            columns = zip(*((row.score.value, row.category.id) for row in rows), strict=True)
            return [boxes, *map(np.array, columns if rows else ([], []))]

        return find

    def _supervision(self) -> Callable[[int], Found]:
        tile, batch_size = self.args.tile, self.args.batch_size

        def detect(tiles: Sequence[np.ndarray]) -> list[supervision.Detections]:
            samples = self.plain.test_step(pseudo_collate([*map(self.pipeline, tiles)]))
            return [supervision.Detections.from_mmdetection(sample) for sample in samples]

        slicer = supervision.InferenceSlicer(
            detect if batch_size > 1 else lambda tile: detect([tile])[0],
            tile, int(self.args.overlap * tile), iou_threshold=0.5, batch_size=batch_size,
        )  # fmt: skip

        def find(index: int) -> Found:
            image, scale = self._load(index)
            found = slicer(image)
            return [found.xyxy / scale, found.confidence, found.class_id]

        return find

    def score(self, found: Sequence[Found]) -> list[str]:
        """Scores of what was found in the first photographs."""
        meta, rows = self.dataset.metainfo, {}
        truth, scaled = read_truth(meta['ann_file'], meta['classes'], meta['taxonomy'])
        for index, columns in enumerate(found):
            image = self.dataset.get_data_info(index)['img_id']
            row = dict(zip(('bboxes', 'scores', 'labels'), columns, strict=True), img_id=image)
            rows[image] = map_to_original(row, scaled[image]) if image in scaled else row
        truth['images'] = [image for image in truth['images'] if image['id'] in rows]
        truth['annotations'] = [box for box in truth['annotations'] if box['image_id'] in rows]
        evaluation = evaluate(
            truth, [*rows.values()], ['bbox'], meta=meta, settings=ScoreSettings(),
            size_at_input=False, logger=MMLogger.get_current_instance(),
        )  # fmt: skip
        scores = evaluation.record.metrics['bbox'].coco
        return [f'{scores[key]:.3f}' for key in ('mAP', 'mAP_50', 'AR@100')]


def compare(slicers: Slicers, count: int, rounds: int) -> Iterator[list[str]]:
    """Measures all ways in turn, and yields a row of the table for each; the first round scores."""
    names = [*slicers.ways]
    found, calls, seconds = ({name: [] for name in names} for _ in range(3))
    for step, index in enumerate(tqdm([0, *range(count)] + [*range(count)] * (rounds - 1))):
        for name in names[step % len(names) :] + names[: step % len(names)]:
            slicers.calls.clear()
            start = np.array([time.perf_counter(), time.process_time()])
            boxes = slicers.ways[name](index)
            spent = [time.perf_counter(), time.process_time()] - start
            if step:  # not to warm up
                seconds[name].append(spent)
            if 0 < step <= count:
                found[name].append(boxes)
                calls[name] += slicers.calls
    times = {name: np.reshape(seconds[name], (-1, count, 2)).mean(axis=1) for name in names}
    for name in names:
        ours = times[f'{name.split(":")[0]}: ours']
        (passed, cpu), ratio = np.median(times[name], axis=0), np.median(times[name] / ours, axis=0)
        speed = f'{1 / passed:.2f} ({ratio[0]:.2f})', f'{cpu:.2f} ({ratio[1]:.2f})'
        views = ' or '.join(map(str, sorted({*calls[name]})))
        scores = slicers.score(found[name])
        yield [name, *scores, *speed, f'{len(calls[name]) / count:.1f}', views]


@torch.no_grad()
def main() -> None:
    """Prints the table."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    with DefaultScope.overwrite_default_scope('mmdet'):
        slicers = Slicers(args)
        count = min(args.count or math.inf, len(slicers.dataset))
        rows = [*compare(slicers, count, args.rounds)]
    print(f'{count} photographs, {args.device}, {args.threads} threads, {args.rounds} rounds')
    print(format_table(HEADER, rows))


if __name__ == '__main__':
    main()
