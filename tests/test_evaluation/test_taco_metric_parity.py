import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.datasets.api_wrappers import COCO, COCOeval
from mmdet.evaluation import CocoMetric
from pycocotools import mask as rle

from taco_plugin.coco.index import index_coco
from taco_plugin.evaluation.taco_metric import TacoMetric

CLASSES = ('Can', 'Cup')


@pytest.mark.parametrize('seed', range(3))
def test_parity_with_pycocotools_on_random_detections(tmp_path, seed, write_coco, score):
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
    assert ours == pytest.approx(reference.stats[:6].tolist(), abs=1e-9)
    assert 0.1 < ours[0] < 1


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
@pytest.mark.parametrize('seed', range(3))
def test_figures_are_those_of_stock(tmp_path, seed, options, draw_masks):
    path, samples = draw_masks(seed)
    metrics = ['bbox', 'segm']
    if options.get('proposal_nums'):  # stock names its figures by other numbers
        stock_items = ['mAP', 'mAP_m', 'AR_s@1000']
    else:
        stock_items = options.get('metric_items')
    by_class = 'iou_thrs' not in options  # of which stock needs six
    stock_options = {**options, 'metric_items': stock_items, 'classwise': by_class}
    stock = run(CocoMetric(path, metrics, **stock_options), path, samples)
    ours = run(TacoMetric(metric=metrics, **options), path, samples)
    for name, expected in stock.items():
        name = name.replace('@1000', f'@{options.get("proposal_nums", [1000])[-1]}')
        assert round(ours[name], 3) == pytest.approx(expected, abs=1e-9), name
    assert ours['coco/bbox_mAP'] != ours['coco/segm_mAP']
    assert 0.05 < ours['coco/segm_mAP'] < 1


@pytest.mark.parametrize('metric', ['bbox', 'segm'])
def test_what_is_gathered_is_small(tmp_path, metric, draw_masks):
    path, samples = draw_masks(seed=0)
    taco = TacoMetric(metric=metric)
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
        assert (not metric.evaluation) == bool(rank)
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
