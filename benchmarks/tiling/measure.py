"""Scores of a detector, and speeds of tests and of training pipelines."""

import random
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from mmdet.apis import init_detector
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from tqdm import tqdm

from taco_plugin.evaluation.coco_scores import score_results
from taco_plugin.evaluation.detections import box_results
from taco_plugin.evaluation.evaluate import Evaluation, read_truth
from taco_plugin.models.detectors.tiling import Tiling

_INPUT = 640
"""Longest side of the photographs in which boxes are small or not, however they are tested."""

_PHOTOGRAPHS = 4
_BATCHES = 4


Speeds = dict[str, list[float]]
"""What is compared -> images per second of each round."""


@dataclass(frozen=True)
class Scores:
    """Scores of a detector on a test split.

    Args:
        images: Number of photographs.
        boxes: Number of true boxes.
        small: Number of those that are small: below 32 x 32 px where the photograph has a longest
            side of 640 px.
        ap: AP.
        ap50: AP at IoU 0.50.
        ap50_small: Likewise of small boxes.
        ar: AR of at most 100 detections per image.
        mae: Mean absolute error of the counts, at the confidence with the best F1.
        bias: Mean error of these counts.
    """

    images: int
    boxes: int
    small: int
    ap: float
    ap50: float
    ap50_small: float
    ar: float
    mae: float
    bias: float


def score(config: Config, checkpoint: Path, work_dir: Path) -> Scores:
    """Tests a checkpoint on the test split of a config."""
    config.merge_from_dict(
        {
            'load_from': str(checkpoint),
            'work_dir': str(work_dir),
            'default_hooks.evaluation_report.enabled': False,
            'log_level': 'WARNING',
        }
    )
    runner = Runner.from_cfg(config)
    runner.test()
    metric = runner.test_evaluator.metrics[0]
    return _summarise(metric.evaluation, metric.dataset_meta)


def _summarise(evaluation: Evaluation, meta: Mapping) -> Scores:
    record = evaluation.record
    truth, _ = read_truth(meta['ann_file'], meta['classes'], meta['taxonomy'])
    ids = [category['id'] for category in truth['categories']]
    sides = {image['id']: max(image['width'], image['height']) for image in truth['images']}
    factors = {image: (_INPUT / side) ** 2 for image, side in sides.items()}
    _, by_size = score_results(
        truth,
        box_results(evaluation.detections, ids),
        'bbox',
        iou_thresholds=[0.5],
        max_detections=[1000],
        area_factors=factors,
    )
    areas = [box['area'] * factors[box['image_id']] for box in truth['annotations']]
    coco, counts = record.metrics['bbox'].coco, record.count_errors.total
    return Scores(
        images=record.images,
        boxes=record.boxes.truth,
        small=sum(area < 32**2 for area in areas),
        ap=coco['mAP'],
        ap50=coco['mAP_50'],
        ap50_small=by_size.ap([0.5], 1000, 'small'),
        ar=coco['AR@100'],
        mae=counts.mae,
        bias=counts.bias,
    )


def count_views(config: Config) -> float:
    """Mean number of views of a photograph in a tiled test."""
    dataset = DATASETS.build(config.test_dataloader.dataset)
    tiling = Tiling(**config.model.tiling)
    side = max(config.test_dataloader.dataset.pipeline[1].scale)
    counts = []
    for info in map(dataset.get_data_info, range(len(dataset))):
        factor = side / max(info['height'], info['width'])
        shape = round(info['height'] * factor), round(info['width'] * factor)
        counts.append(len(tiling.cut(shape)))
    return statistics.mean(counts)


def measure_detectors(configs: Mapping[str, Config], checkpoint: Path, rounds: int) -> Speeds:
    """Photographs per second of CPU time of each way of testing on one core, in each round.

    Loading is part of it. The ways take turns; CPU time does not count what else the machine does.
    """
    torch.set_num_threads(1)
    built = {}
    for way, config in configs.items():
        model = init_detector(config, str(checkpoint), device='cpu', palette='random')
        built[way] = model, DATASETS.build(config.test_dataloader.dataset)
    speeds: Speeds = {way: [] for way in configs}
    for number in tqdm(range(rounds + 1), 'tests'):
        for way, (model, dataset) in built.items():
            count = min(_PHOTOGRAPHS, len(dataset))
            start = time.process_time()
            for index in range(count):
                with torch.no_grad():
                    model.test_step(pseudo_collate([dataset[index]]))
            if number:  # the first is to warm up
                speeds[way].append(count / (time.process_time() - start))
    return speeds


def measure_loaders(configs: Mapping[str, Config], rounds: int) -> Speeds:
    """Images per second of CPU time that a worker loads for training in each way, in each round."""
    cv2.setNumThreads(0)  # as MMDetection's workers
    datasets = {
        way: DATASETS.build(config.train_dataloader.dataset) for way, config in configs.items()
    }
    speeds: Speeds = {way: [] for way in configs}
    order = random.Random(0)
    for number in tqdm(range(rounds + 1), 'loaders'):
        batches = [order.choices(range(len(datasets['whole'])), k=8) for _ in range(_BATCHES)]
        for way, dataset in datasets.items():
            start = time.process_time()
            for batch in batches:
                pseudo_collate([dataset[index] for index in batch])
            if number:  # the first is to warm up
                speeds[way].append(8 * _BATCHES / (time.process_time() - start))
    return speeds
