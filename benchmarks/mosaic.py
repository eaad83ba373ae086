"""Measures what tiles find in pictures that are much larger than the detector's input.

    make demo
    python benchmarks/mosaic.py work_dirs/demo

The test images of the drawn sample, 256 px each, are put together to one picture. The demo's
detector, whose input has 160 px, tests it as a whole and in tiles at the scale of its training.
"""

import argparse
import json
import math
import os
import tempfile
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '2')

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

import taco_plugin.plugin  # noqa: F401
from taco_plugin.checkpoint_files import best_checkpoint
from taco_plugin.coco import Coco, read_coco
from taco_plugin.command_line import one_line_errors
from taco_plugin.tables import format_table
from taco_plugin.tiles import use_tiles

CONFIG = Path(__file__).parents[1] / 'configs' / 'taco' / 'demo.py'
INPUT = 160
METRICS = ('mAP_50', 'mAP', 'mAP_s', 'mAP_m')


def draw_mosaic(coco: Coco, folder: Path, side: int) -> tuple[np.ndarray, Coco]:
    """Puts all images of a file, of ``side`` pixels, into one, row by row."""
    columns = math.ceil(math.sqrt(len(coco['images'])))
    rows = math.ceil(len(coco['images']) / columns)
    picture = np.full((rows * side, columns * side, 3), 114, dtype=np.uint8)
    corners = {}
    for number, image in enumerate(coco['images']):
        left, top = number % columns * side, number // columns * side
        pixels = cv2.imread(str(folder / image['file_name']))
        picture[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        corners[image['id']] = left, top
    annotations = []
    for row in coco['annotations']:
        left, top = corners[row['image_id']]
        x, y, width, height = row['bbox']
        box = {'image_id': 1, 'bbox': [x + left, y + top, width, height], 'segmentation': []}
        annotations.append({**row, **box})
    image = {'id': 1, 'file_name': 'mosaic.png'}
    image |= {'width': picture.shape[1], 'height': picture.shape[0]}
    return picture, {**coco, 'info': {}, 'images': [image], 'annotations': annotations}


def test(config: Config, checkpoint: Path, folder: Path, name: str) -> dict[str, float]:
    """Scores a checkpoint on the mosaic in ``folder``."""
    dataset = config.test_dataloader.dataset
    dataset.update(data_root=str(folder), ann_file='mosaic.json')
    config.update(work_dir=str(folder / name), load_from=str(checkpoint), log_level='WARNING')
    config.default_hooks.evaluation_report.enabled = False
    config.model.bbox_head.loss_cls = {**config.model.bbox_head.loss_cls, 'class_weights': [1] * 10}
    return Runner.from_cfg(config).test()


def main() -> None:
    """Draws the mosaic, tests it in both ways, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path, help='of the demo')
    parser.add_argument('--data', type=Path, default=Path('data/sample'), help='its sample')
    args = parser.parse_args()
    checkpoint = best_checkpoint(args.work_dir)
    coco = read_coco(args.data / 'annotations' / 'test.json')
    side = max(max(image['width'], image['height']) for image in coco['images'])
    picture, mosaic = draw_mosaic(coco, args.data, side)
    longest = max(picture.shape[:2])
    print(f'{len(coco["images"])} images of {side} px as one of {longest} px')
    whole, tiled = Config.fromfile(CONFIG), Config.fromfile(CONFIG)
    use_tiles(tiled, tile_size=INPUT, longest_side=longest * INPUT // side)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cv2.imwrite(str(folder / 'mosaic.png'), picture)
        (folder / 'mosaic.json').write_text(json.dumps(mosaic))
        scores = [
            test(config, checkpoint, folder, way)
            for way, config in (('whole', whole), ('tiles', tiled))
        ]
    rows = [[name, *(f'{score[f"coco/bbox_{name}"]:.3f}' for score in scores)] for name in METRICS]
    print(format_table(['', 'whole', 'in tiles'], rows))


if __name__ == '__main__':
    with one_line_errors():
        main()
