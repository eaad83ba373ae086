"""Runs that never were, with metrics drawn by chance."""

import io
import json
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taco_plugin.apps.compare.model import Model
from taco_plugin.apps.compare.read_runs import Run, Training
from taco_plugin.evaluation.metrics import ScoreSettings, StudyMetrics
from taco_plugin.evaluation.record import SCHEMA_VERSION, parse_record


@pytest.fixture
def make_record():
    """A record as JSON has it: metrics are drawn, or as given; the last class has no boxes."""

    def make(classes=('Can', 'Cup', 'Straw'), seed=0, images=20, ann_file='test.json', **metrics):
        random = np.random.default_rng(seed)
        truth = [*random.integers(1, 90, len(classes) - 1).tolist(), 0]
        detections = random.integers(0, 200, len(classes)).tolist()
        ap50 = random.random(len(classes)).round(4)
        per_class = {'AP': 0.6 * ap50, 'AP50': ap50, 'AR100': 0.9 * ap50}
        per_class = {name: [*values[:-1].tolist(), -1] for name, values in per_class.items()}
        mean = float(ap50[:-1].mean())
        coco = dict.fromkeys(ScoreSettings().coco_names, -1)
        coco |= {'mAP': 0.6 * mean, 'mAP_50': mean, 'mAP_75': 0.5 * mean, 'AR@100': 0.7 * mean}
        study = dict.fromkeys((field.name for field in fields(StudyMetrics)), -1)
        study |= {'map': 0.8 * mean, 'map_per_class': [], 'mar_100_per_class': []}
        curves = dict.fromkeys(('recall', 'precision', 'threshold', 'f1'), [0.0, 1.0])
        sizes = {'native': {'small': sum(truth), 'medium': 0, 'large': 0}, 'input': None}
        error = {'true': sum(truth), 'detected': 9, 'mae': 1.5, 'bias': -1.0}
        run = {'name': 'test', 'epoch': None, 'iteration': 900, 'checkpoint': 'work_dirs/best.pth'}
        boxes = {'coco': coco | metrics, 'study': study, 'per_class': per_class}
        return {
            'schema_version': SCHEMA_VERSION,
            'run': {**run, 'time': '2025-05-06T07:08:09+00:00'},
            'classes': list(classes),
            'taxonomy': 'three',
            'ann_file': ann_file,
            'ground_truth': f'{seed:064}',
            'settings': json.loads(json.dumps(asdict(ScoreSettings()))),
            'images': images,
            'boxes': {
                'truth': sum(truth),
                'crowds': 0,
                'detections': sum(detections),
                'truth_per_class': truth,
                'detections_per_class': detections,
                'truth_per_size': sizes,
            },
            'metrics': {'bbox': {**boxes, 'per_size_at_input': None}},
            'count_errors': {'total': error, 'per_class': [error] * len(classes)},
            'curves': {**curves, 'best_threshold': 0.5, 'best_f1': 0.9 * mean},
        }

    return make


@pytest.fixture
def make_run(make_record):
    """A run; ``record=None`` for one without an evaluation."""

    def make(name='a', record=..., model=None, training=..., evaluation='test', **changes):
        record = make_record() if record is ... else record
        known = {'config': 'yolox_tiny', 'detector': 'YOLOX', 'taxonomy': 'three', 'loss': 'focal'}
        known |= {'input_size': (416, 416), 'parameters': 5_060_000, 'flops': 3_210_000_000}
        training = Training([], 12, 300, 1080, 3725.0) if training is ... else training
        run = name, Path('work_dirs') / 'runs' / name, Model(**known | (model or {})), training
        if record is None:
            return Run(*run)
        return Run(*run, evaluation, parse_record(record), **changes)

    return make


@pytest.fixture
def picture_bytes():
    """A PNG or JPEG of one colour."""

    def make(width=60, height=40, kind='png'):
        file = io.BytesIO()
        Image.new('RGB', (width, height), 'white').save(file, kind)
        return file.getvalue()

    return make
