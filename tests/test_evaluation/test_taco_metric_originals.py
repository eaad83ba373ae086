"""Scores on photographs that prepare_taco.py --max-side has scaled are those on the originals."""

import json

import numpy as np
import pytest
import torch
from pycocotools import mask

from taco_plugin.coco import shrink_images
from taco_plugin.evaluation.taco_metric import TacoMetric

SIZES = {1: (400, 300), 2: (300, 400), 3: (80, 60)}


@pytest.fixture
def files(tmp_path):
    """A file whose third photograph is small, and what --max-side 100 makes of it."""
    coco = {'images': [], 'annotations': [], 'categories': [{'id': 1, 'name': 'Can'}]}
    for number, (width, height) in SIZES.items():
        image = {'id': number, 'file_name': f'{number}.png', 'width': width, 'height': height}
        coco['images'].append(image)
        x, y, w, h = box = [0.2 * width, 0.2 * height, 40, 40]
        corners = [x, y, x + w, y, x + w, y + h, x, y + h]
        annotation = {'id': number, 'image_id': number, 'category_id': 1, 'iscrowd': 0}
        coco['annotations'].append(
            {**annotation, 'bbox': box, 'area': 1600, 'segmentation': [corners]}
        )
    paths = [tmp_path / 'plain.json', tmp_path / 'scaled.json']
    for path, content in zip(paths, (coco, shrink_images(coco, 100)), strict=True):
        path.write_text(json.dumps(content))
    return paths


def evaluate(path):
    """Scores detections that are a little off, given in pixels of the file's photographs."""
    metric = TacoMetric(metric=['bbox', 'segm'])
    metric.dataset_meta = {'classes': ('Can',), 'ann_file': str(path)}
    for image in json.loads(path.read_text())['images']:
        width, height = image['width'], image['height']
        across, down = width / SIZES[image['id']][0], height / SIZES[image['id']][1]
        left, top = 0.2 * width + 4 * image['id'] * across, 0.2 * height
        box = np.array([[left, top, left + 40 * across, top + 40 * down]])
        bitmap = np.zeros((height, width), np.uint8, order='F')
        left, top, right, bottom = box[0].round().astype(int)
        bitmap[top:bottom, left:right] = 1
        prediction = {
            'bboxes': torch.tensor(box, dtype=torch.float32),
            'scores': torch.tensor([0.5]),
            'labels': torch.tensor([0]),
            'masks': [mask.encode(bitmap)],
        }
        sample = {'img_id': image['id'], 'ori_shape': (height, width), 'pred_instances': prediction}
        metric.process({}, [{**sample, 'scale_factor': (64 / width, 64 / height)}])
    return metric.evaluate(size=3), metric


def test_the_same_detections_score_the_same(files):
    (expected, plain), (scores, scaled) = map(evaluate, files)
    assert scores == pytest.approx(expected)
    assert 0 < scores['coco/bbox_mAP'] < 1
    assert 0 < scores['coco/segm_mAP'] < 1
    for key in ('ground_truth', 'boxes', 'images'):
        assert getattr(scaled.evaluation.record, key) == getattr(plain.evaluation.record, key)
    assert scaled.evaluation.truth.xyxy.tolist() == plain.evaluation.truth.xyxy.tolist()
