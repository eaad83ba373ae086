import contextlib
import copy
import io
import json

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from taco_plugin.coco import index_coco
from taco_plugin.evaluation.taco_metric import TacoMetric

CLASSES = ('Can', 'Cup')


@pytest.fixture
def run_pycocotools():
    """The second implementation: evaluates a COCO file and results, with other parameters."""

    def run(coco, results, iou_type='bbox', *, iou=(0.5,), **parameters) -> COCOeval:
        coco, results = copy.deepcopy((coco, results))
        for number, row in enumerate(coco['annotations'], start=1):  # 0 never matches there
            row['id'] = number
        with contextlib.redirect_stdout(io.StringIO()):
            truth = index_coco(coco, COCO)
            nothing = index_coco({**coco, 'annotations': []}, COCO)  # loadRes fails without results
            found = truth.loadRes(results) if results else nothing
            evaluation = COCOeval(truth, found, iou_type)
            vars(evaluation.params).update({'iouThrs': np.array(iou), **parameters})
            evaluation.evaluate()
            evaluation.accumulate()
            with contextlib.suppress(UnboundLocalError, IndexError):
                evaluation.summarize()
        return evaluation

    return run


@pytest.fixture
def true_boxes():
    """A can and three cups in two images: (image id, class name, xywh)."""
    return [
        (1, 'Can', (0, 0, 40, 40)),
        (1, 'Cup', (50, 50, 40, 40)),
        (2, 'Cup', (0, 0, 40, 40)),
        (2, 'Cup', (50, 50, 40, 40)),
    ]


@pytest.fixture
def predicted():
    """The can and one of three cups are found, and one cup is found where nothing is."""
    return {
        1: [(0, 0.9, (0, 0, 40, 40)), (1, 0.8, (0, 50, 40, 40)), (1, 0.7, (50, 50, 40, 40))],
    }


@pytest.fixture
def ann_file(tmp_path, write_coco, true_boxes) -> str:
    return write_coco(tmp_path / 'a.json', true_boxes)


@pytest.fixture
def write_coco():
    """Writes images of 100 px; boxes are (image id, class name, xywh)."""

    def write(path, boxes, categories=CLASSES, ids=(1, 2), images=(1, 2)) -> str:
        numbers = dict(zip(categories, ids, strict=True))
        coco = {
            'images': [
                {'id': i, 'file_name': f'{i}.jpg', 'width': 100, 'height': 100} for i in images
            ],
            'annotations': [
                {
                    **{'id': number, 'image_id': image, 'category_id': numbers[name]},
                    **{'bbox': list(box), 'area': box[2] * box[3], 'iscrowd': 0},
                }
                for number, (image, name, box) in enumerate(boxes, start=1)
            ],
            'categories': [{'id': numbers[name], 'name': name} for name in categories],
        }
        path.write_text(json.dumps(coco))
        return str(path)

    return write


@pytest.fixture
def make_sample():
    """What a detector yields for an image: rows of (label, score, xywh)."""

    def make(image_id, rows, scale=None) -> dict:
        boxes = torch.tensor([box for _, _, box in rows]).float().reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        prediction = {
            'bboxes': boxes,
            'scores': torch.tensor([score for _, score, _ in rows]),
            'labels': torch.tensor([label for label, _, _ in rows], dtype=torch.int64),
        }
        sample = {'img_id': image_id, 'ori_shape': (100, 100), 'pred_instances': prediction}
        return sample if scale is None else {**sample, 'scale_factor': scale}

    return make


@pytest.fixture
def make_metric(make_sample):
    """Predictions: image id -> list of (label, score, xywh)."""

    def make(path, predictions, meta=None, scales=None, images=(1, 2), **kwargs) -> TacoMetric:
        metric = TacoMetric(**kwargs)
        metric.dataset_meta = meta or {'classes': CLASSES, 'ann_file': path}
        for image_id in images:
            scale = scales and scales[image_id]
            metric.process({}, [make_sample(image_id, predictions.get(image_id, []), scale)])
        return metric

    return make


@pytest.fixture
def score(make_metric):
    def evaluate(path, predictions, meta=None, **kwargs) -> dict:
        return make_metric(path, predictions, meta, **kwargs).evaluate(size=2)

    return evaluate
