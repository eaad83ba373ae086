import json

import numpy as np
import pytest
import torch
from mmdet.datasets.api_wrappers import COCO, COCOeval

from taco_plugin.coco.index import index_coco
from taco_plugin.errors import InputError
from taco_plugin.evaluation import TacoMetric

CLASSES = ('Can', 'Cup')


def write_coco(path, boxes, categories=CLASSES, ids=(1, 2)) -> str:
    """Writes two images of 100 px; boxes are (image id, class name, xywh)."""
    numbers = dict(zip(categories, ids, strict=True))
    coco = {
        'images': [{'id': i, 'file_name': f'{i}.jpg', 'width': 100, 'height': 100} for i in (1, 2)],
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


def score(path, predictions, meta=None, **kwargs) -> dict:
    """Predictions: image id -> list of (label, score, xywh)."""
    metric = TacoMetric(**kwargs)
    metric.dataset_meta = meta or {'classes': CLASSES, 'ann_file': path}
    for image_id in (1, 2):
        rows = predictions.get(image_id, [])
        boxes = torch.tensor([box for _, _, box in rows]).float().reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        prediction = {
            'bboxes': boxes,
            'scores': torch.tensor([score for _, score, _ in rows]),
            'labels': torch.tensor([label for label, _, _ in rows], dtype=torch.int64),
        }
        sample = {'img_id': image_id, 'ori_shape': (100, 100), 'pred_instances': prediction}
        metric.process({}, [sample])
    return metric.evaluate(size=2)


BOXES = [
    (1, 'Can', (0, 0, 40, 40)),
    (1, 'Cup', (50, 50, 40, 40)),
    (2, 'Cup', (0, 0, 40, 40)),
    (2, 'Cup', (50, 50, 40, 40)),
]
# The can and one of three cups are found, and one cup is found where nothing is.
PREDICTIONS = {
    1: [(0, 0.9, (0, 0, 40, 40)), (1, 0.8, (0, 50, 40, 40)), (1, 0.7, (50, 50, 40, 40))],
}


def test_four_boxes_worked_by_hand(tmp_path):
    scores = score(write_coco(tmp_path / 'a.json', BOXES), PREDICTIONS)
    # Cups: precision 1/2 up to recall 1/3, which are 34 of COCO's 101 points of recall.
    cup = 34 * 0.5 / 101
    assert scores['coco/Can_precision'] == 1
    assert scores['coco/Cup_precision'] == pytest.approx(cup, abs=5e-4)
    assert scores['coco/bbox_mAP'] == pytest.approx((1 + cup) / 2, abs=5e-4)
    assert scores['coco/bbox_mAP_50'] == scores['coco/bbox_mAP_75'] == scores['coco/bbox_mAP']
    assert scores['coco/bbox_mAP_s'] == -1


@pytest.mark.parametrize('ids', [(1, 2), (2, 1), (9, 4)])
@pytest.mark.parametrize('categories', [('Can', 'Cup'), ('Cup', 'Can')])
def test_order_and_ids_of_the_file_change_nothing(tmp_path, ids, categories):
    expected = score(write_coco(tmp_path / 'a.json', BOXES), PREDICTIONS)
    path = write_coco(tmp_path / 'b.json', BOXES, categories, ids)
    assert score(path, PREDICTIONS) == expected
    assert score(None, PREDICTIONS, {'classes': CLASSES}, ann_file=path) == expected


def test_own_file_is_read_by_the_taxonomy(tmp_path):
    categories = ('Paper cup', 'Foam cup', 'Drink can')
    names = ['Drink can', 'Paper cup', 'Foam cup', 'Paper cup']
    boxes = [(image, name, box) for (image, _, box), name in zip(BOXES, names, strict=True)]
    path = write_coco(tmp_path / 'own.json', boxes, categories, ids=(0, 1, 2))
    csv = tmp_path / 'two.csv'
    csv.write_text('category,class\nDrink can,Can\nPaper cup,Cup\nFoam cup,Cup\n')
    meta = {'classes': CLASSES, 'ann_file': path, 'taxonomy': str(csv)}
    prepared = write_coco(tmp_path / 'a.json', BOXES)
    assert score(None, PREDICTIONS, meta) == score(prepared, PREDICTIONS)


def test_nothing_detected_is_zero(tmp_path):
    scores = score(write_coco(tmp_path / 'a.json', BOXES), {})
    assert scores['coco/bbox_mAP'] == scores['coco/Can_precision'] == 0


def test_other_classes_are_refused_with_both_lists(tmp_path):
    path = write_coco(tmp_path / 'a.json', [], ('Tin', 'Cup'))
    with pytest.raises(InputError, match=r"\['Tin', 'Cup'\], are not the classes \['Can', 'Cup'\]"):
        score(path, PREDICTIONS)


@pytest.mark.parametrize('seed', range(3))
def test_parity_with_pycocotools_on_random_detections(tmp_path, seed):
    rng = np.random.default_rng(seed)

    def random_box() -> tuple[float, ...]:
        return (*rng.uniform(0, 60, 2).tolist(), *rng.uniform(5, 40, 2).tolist())

    boxes = [(int(rng.integers(1, 3)), str(rng.choice(CLASSES)), random_box()) for _ in range(30)]
    predictions = {
        image: [
            (CLASSES.index(name), float(rng.uniform()), np.add(box, rng.normal(0, 2, 4)).tolist())
            for number, name, box in boxes
            if number == image
        ]
        for image in (1, 2)
    }
    path = write_coco(tmp_path / 'a.json', boxes)
    results = [
        {'image_id': image, 'category_id': label + 1, 'score': score, 'bbox': box}
        for image, rows in predictions.items()
        for label, score, box in rows
    ]
    truth = index_coco(json.loads((tmp_path / 'a.json').read_text()), COCO)
    reference = COCOeval(truth, truth.loadRes(results), 'bbox')
    reference.evaluate()
    reference.accumulate()
    reference.summarize()
    scores = score(path, predictions)
    names = ['mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l']
    ours = [scores[f'coco/bbox_{name}'] for name in names]
    assert ours == pytest.approx(reference.stats[:6].tolist(), abs=6e-4)
    assert 0.1 < ours[0] < 1
