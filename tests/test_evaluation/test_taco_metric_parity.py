import json
import pickle
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.evaluation import CocoMetric
from pycocotools import mask as rle
from torchmetrics.detection import MeanAveragePrecision

from taco_plugin.evaluation.taco_metric import TacoMetric

CLASSES = ('Can', 'Cup')


def test_study_parity_with_torchmetrics(tmp_path, write_coco, make_metric):
    """Torchmetrics leaves classes that do not occur out of its lists; here each occurs."""
    rng = np.random.default_rng(0)
    classes = ('Can', 'Cup', 'Lid')

    def draw_box():
        size = np.exp(rng.uniform(np.log(5), np.log(90), 2))
        return [*rng.uniform(0, 40, 2), *size]

    images = range(1, 9)  # without ground truth in the first, without detections in the second
    rows = [(i, classes[rng.integers(3)], draw_box()) for i in images[1:] for _ in range(12)]
    predictions = {image: [(0, rng.random(), draw_box())] for image in images if image != 2}
    for image, name, box in rows:
        if image != 2:
            label = rng.integers(3) if rng.random() < 0.2 else classes.index(name)
            near = np.abs(box + rng.normal(0, 2, 4))
            predictions[image].append((int(label), rng.random(), near.tolist()))
    path = write_coco(tmp_path / 'a.json', rows, classes, ids=(1, 2, 3), images=images)
    metric = make_metric(path, predictions, {'classes': classes, 'ann_file': path}, images=images)
    metric.evaluate(size=len(images))
    points = np.linspace(0, 1, 101).tolist()  # its own have float32's rounding
    theirs = MeanAveragePrecision('xywh', 'bbox', [0.25, 0.5, 0.75], points, class_metrics=True)
    for image in images:
        found = [np.array(column) for column in zip(*predictions.get(image, []), strict=True)]
        labels, scores, boxes = found or [np.empty(0, int), np.empty(0), np.empty((0, 4))]
        true = [(classes.index(name), box) for number, name, box in rows if number == image]
        given = {
            'boxes': torch.tensor(np.array([box for _, box in true]).reshape(-1, 4)),
            'labels': torch.tensor([label for label, _ in true], dtype=torch.int64),
        }
        prediction = {'boxes': boxes, 'labels': labels, 'scores': scores}
        theirs.update([{key: torch.tensor(value) for key, value in prediction.items()}], [given])
    expected = theirs.compute()
    study = asdict(metric.evaluation.record.metrics['bbox'].study)
    for name, value in study.items():
        assert value == pytest.approx(expected[name].tolist(), abs=1e-6), name
    assert len(study) == 14
    assert 0.1 < study['map_small'] < study['map'] < 0.95


@pytest.fixture
def draw_masks(tmp_path, write_coco, make_sample):
    """A file of polygons, RLEs and crowds, and samples with masks and scores of masks."""

    def draw(seed, images=6):
        rng = np.random.default_rng(seed)

        def fill(box):
            x, y, w, h = (int(value) for value in box)
            mask = np.zeros((100, 100), dtype=np.uint8, order='F')
            mask[y : y + h, x : x + w] = 1
            return mask

        annotations, samples = [], []
        for image in range(1, images + 1):
            rows = []
            for _ in range(rng.integers(6)):
                x, y, w, h = (*rng.integers(0, 50, 2).tolist(), *rng.integers(5, 50, 2).tolist())
                shape = rle.encode(fill((x, y, w, h)))
                shape = {**shape, 'counts': shape['counts'].decode()}
                crowd = int(rng.random() < 0.2)
                if not crowd and rng.random() < 0.5:
                    shape = [[x, y, x + w, y, x + w, y + h, x, y + h]]
                ids = {'id': len(annotations) + 1, 'image_id': image}
                label = int(rng.integers(2))
                box = {'bbox': [x, y, w, h], 'area': w * h * 0.8, 'iscrowd': crowd}
                annotations.append({**ids, 'category_id': label + 1, **box, 'segmentation': shape})
                for shift in rng.normal(0, 3, (2, 4)):
                    near = np.add([x, y, w, h], shift).clip(1, 60)
                    rows.append((label, rng.random(), near.tolist()))
            sample = make_sample(image, rows)
            masks = np.array([fill(box) for *_, box in rows]).reshape(-1, 100, 100)
            sample['pred_instances']['masks'] = torch.tensor(masks).bool()
            sample['pred_instances']['mask_scores'] = torch.tensor(rng.random(len(rows)))
            samples.append(sample)
        path = tmp_path / 'masks.json'
        coco = json.loads(Path(write_coco(path, [])).read_text())
        image_rows = [{**coco['images'][0], 'id': number} for number in range(1, images + 1)]
        path.write_text(json.dumps({**coco, 'images': image_rows, 'annotations': annotations}))
        return str(path), samples

    return draw


def run(metric, path, samples):
    metric.dataset_meta = {'classes': CLASSES, 'ann_file': path}
    metric.process({}, samples)
    return metric.evaluate(size=len(samples))


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'proposal_nums': (1, 10, 100), 'metric_items': ['mAP', 'mAP_m', 'AR_s@100']},
        {
            'iou_thrs': np.array([0.3, 0.75]),
            'metric_items': ['mAP', 'mAP_50', 'mAP_75', 'AR@100', 'AR@300'],
        },
    ],
)
@pytest.mark.parametrize('seed', range(2))
def test_metrics_are_those_of_stock(seed, options, draw_masks):
    path, samples = draw_masks(seed)
    metrics = ['bbox', 'segm']
    stock_items = options.get('metric_items')
    if options.get('proposal_nums'):  # stock names its figures by other numbers
        stock_items = ['mAP', 'mAP_m', 'AR_s@1000']
    by_class = 'iou_thrs' not in options  # of which stock needs six
    stock_options = {**options, 'metric_items': stock_items, 'classwise': by_class}
    stock = run(CocoMetric(path, metrics, **stock_options), path, samples)
    ours = run(TacoMetric(metric=metrics, **options), path, samples)
    for name, expected in stock.items():
        name = name.replace('@1000', f'@{options.get("proposal_nums", [1000])[-1]}')
        if name.endswith('_precision'):  # of stock's last metric
            name = name.replace('coco/', 'coco/segm_').replace('_precision', '_AP')
        assert round(ours[name], 3) == pytest.approx(expected, abs=1e-9), name
    assert ours['coco/bbox_mAP'] != ours['coco/segm_mAP']
    assert ours['coco/bbox_Cup_AP'] != ours['coco/segm_Cup_AP']
    assert 0.05 < ours['coco/segm_mAP'] < 1


def test_what_is_gathered_is_small(draw_masks):
    path, samples = draw_masks(seed=0)
    taco = TacoMetric(metric='segm')
    taco.dataset_meta = {'classes': CLASSES, 'ann_file': path}
    taco.process({}, samples)
    detections = sum(len(result['labels']) for _, result in taco.results)
    assert len(pickle.dumps(taco.results)) < 1000 * len(samples) + 300 * detections


# One process imports, and forks before anything has run in it.
TWO_PROCESSES = """
import json
import pickle
import sys
from pathlib import Path
import torch.distributed as dist
import torch.multiprocessing as mp
from taco_plugin.evaluation.taco_metric import TacoMetric

def work(rank, folder):
    dist.init_process_group('gloo', init_method=f'file://{folder}/init', rank=rank, world_size=2)
    with open(f'{folder}/given.pkl', 'rb') as file:
        given = pickle.load(file)
    scores = []
    for first in given['splits']:  # how many images the first process gets
        metric = TacoMetric(metric=['bbox', 'segm'])
        metric.dataset_meta = given['meta']
        samples = given['samples'][rank::2]
        if first is not None:
            samples = given['samples'][first:] if rank else given['samples'][:first]
        for sample in samples:
            metric.process({}, [sample])
        scores.append(metric.evaluate(size=len(given['samples'])))
        assert (metric.evaluation is None) == bool(rank)
    with open(f'{folder}/rank{rank}.json', 'w') as file:
        json.dump(scores, file)
    dist.destroy_process_group()

if __name__ == '__main__':
    mp.start_processes(work, (sys.argv[1],), nprocs=2, start_method='fork')
"""


def test_two_processes_score_as_one(tmp_path, draw_masks):
    path, samples = draw_masks(seed=0, images=5)
    for sample in samples:
        sample['scale_factor'] = (0.5, 0.5)
    splits = [None, 1, 0, 5]  # every second image each, then one, none and all in the first
    meta = {'classes': CLASSES, 'ann_file': path}
    given = {'samples': samples, 'meta': meta, 'splits': splits}
    (tmp_path / 'given.pkl').write_bytes(pickle.dumps(given))
    (tmp_path / 'script.py').write_text(TWO_PROCESSES)
    done = subprocess.run(
        [sys.executable, 'script.py', str(tmp_path)],
        **dict(capture_output=True, text=True, timeout=120, cwd=tmp_path),
    )
    assert done.returncode == 0, done.stderr
    whole = run(TacoMetric(metric=['bbox', 'segm']), path, samples)
    for rank in (0, 1):
        scores = json.loads((tmp_path / f'rank{rank}.json').read_text())
        assert scores == [whole] * len(splits)
    assert whole['coco/bbox_mAP_s_input'] != whole['coco/bbox_mAP_s']
    assert 0.05 < whole['coco/bbox_study_map'] < 1
