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
from mmengine.logging import MMLogger
from pycocotools import mask as rle

from taco_plugin.coco.index import index_coco
from taco_plugin.errors import InputError
from taco_plugin.evaluation import TacoMetric
from taco_plugin.evaluation.predictions import drop_not_finite

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


def make_sample(image_id, rows, scale=None) -> dict:
    """What a detector yields for an image: rows of (label, score, xywh)."""
    boxes = torch.tensor([box for _, _, box in rows]).float().reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    prediction = {
        'bboxes': boxes,
        'scores': torch.tensor([score for _, score, _ in rows]),
        'labels': torch.tensor([label for label, _, _ in rows], dtype=torch.int64),
    }
    sample = {'img_id': image_id, 'ori_shape': (100, 100), 'pred_instances': prediction}
    return sample if scale is None else {**sample, 'scale_factor': scale}


def make_metric(path, predictions, meta=None, scales=None, **kwargs) -> TacoMetric:
    """Predictions: image id -> list of (label, score, xywh)."""
    metric = TacoMetric(**kwargs)
    metric.dataset_meta = meta or {'classes': CLASSES, 'ann_file': path}
    for image_id in (1, 2):
        scale = scales and scales[image_id]
        metric.process({}, [make_sample(image_id, predictions.get(image_id, []), scale)])
    return metric


def score(path, predictions, meta=None, **kwargs) -> dict:
    return make_metric(path, predictions, meta, **kwargs).evaluate(size=2)


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
    assert scores['coco/Cup_precision'] == pytest.approx(cup, abs=1e-9)
    assert scores['coco/bbox_mAP'] == pytest.approx((1 + cup) / 2, abs=1e-9)
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


@pytest.fixture
def ann_file(tmp_path) -> str:
    return write_coco(tmp_path / 'a.json', BOXES)


def test_study_figures_worked_by_hand(ann_file):
    shifted = {1: [(0, 0.9, (0, 20, 40, 40))]}  # IoU 1/3
    scores = score(ann_file, shifted)
    assert scores['coco/bbox_mAP'] == scores['coco/bbox_study_map_50'] == 0
    # Of two classes and three thresholds, one is full.
    assert scores['coco/bbox_study_map'] == pytest.approx(1 / 6)
    assert scores['coco/bbox_study_mar_1'] == pytest.approx(1 / 6)
    assert scores['coco/bbox_study_map_medium'] == pytest.approx(1 / 6)
    assert scores['coco/bbox_study_map_small'] == scores['coco/bbox_study_mar_large'] == -1
    lower = score(ann_file, shifted, iou_thresholds=(0.3, 0.1))
    assert lower['coco/bbox_study_map'] == pytest.approx(1 / 2)
    assert lower['coco/bbox_study_map_50'] == -1


def test_sizes_at_the_input_worked_by_hand(ann_file):
    # At half the size the can is small; the cup of image 2 that is found stays medium.
    rows = {1: [(0, 0.9, (0, 0, 40, 40))], 2: [(1, 0.9, (0, 0, 40, 40))]}
    scores = score(ann_file, rows, scales={1: (0.5, 0.5), 2: np.array([0.25, 4])})
    half = 51 / 101  # precision 1 up to recall 1/2
    # Small are the can and a cup that is missed, medium the two cups of image 2.
    assert scores['coco/bbox_mAP_s_input'] == pytest.approx(1 / 2)
    assert scores['coco/bbox_mAP_m_input'] == pytest.approx(half)
    assert scores['coco/bbox_mAP_l_input'] == scores['coco/bbox_mAP_s'] == -1
    off = score(ann_file, rows, scales={1: (0.5, 0.5), 2: (1.0, 1.0)}, size_at_input=False)
    unknown = score(ann_file, rows)
    assert off == unknown == {key: v for key, v in scores.items() if not key.endswith('_input')}


def test_each_class_has_its_figures(tmp_path):
    path = write_coco(tmp_path / 'a.json', BOXES[1:])
    scores = score(path, {1: [(1, 0.7, (50, 50, 40, 40))], 2: [(1, 0.6, (0, 0, 40, 30))]})
    of_class = {key: v for key, v in scores.items() if not key.startswith('coco/bbox')}
    third, two_thirds = 34 / 101, 67 / 101
    assert of_class == {
        **{'coco/Can_precision': -1, 'coco/Can_AP50': -1, 'coco/Can_AR100': -1},
        # The second cup is found up to IoU 0.75.
        'coco/Cup_precision': pytest.approx((6 * two_thirds + 4 * third) / 10),
        'coco/Cup_AP50': pytest.approx(two_thirds),
        'coco/Cup_AR100': pytest.approx((6 * 2 / 3 + 4 / 3) / 10),
    }
    without = score(path, {}, classwise=False)
    assert set(without) == set(scores) - set(of_class)
    assert all(type(value) is float for value in scores.values())


def test_the_evaluation_and_the_boxes_are_kept(ann_file, capsys, monkeypatch):
    logged = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'info', logged.append)
    metric = make_metric(ann_file, PREDICTIONS, scales={1: (1.0, 1.0), 2: (3.0, 3.0)})
    assert metric.evaluation == {}
    scores = metric.evaluate(size=2)
    record = json.loads(json.dumps(metric.evaluation))
    assert (record['classes'], record['ann_file']) == (list(CLASSES), ann_file)
    assert record['boxes']['truth_per_size']['input'] == {'small': 0, 'medium': 2, 'large': 2}
    assert record['figures']['bbox']['coco']['mAP'] == scores['coco/bbox_mAP']
    assert record['figures']['bbox']['study']['map'] == scores['coco/bbox_study_map']
    assert metric.truth.label.tolist() == [0, 1, 1, 1]
    assert metric.truth.xyxy[1].tolist() == [50, 50, 90, 90]
    assert metric.found.image.tolist() == [1, 1, 1]
    assert metric.found.label.tolist() == [0, 1, 1]
    assert metric.found.xyxy[1].tolist() == [0, 50, 40, 90]
    assert metric.found.score.tolist() == pytest.approx([0.9, 0.8, 0.7])
    (table,) = logged
    assert 'Cup        3  0.168  0.168  0.333\nbbox: mAP 0.584,' in table
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('images', [(), (1,)])
def test_images_that_were_not_predicted_are_missed(ann_file, images):
    metric = TacoMetric()
    metric.dataset_meta = {'classes': CLASSES, 'ann_file': ann_file}
    for image in images:
        metric.process({}, [make_sample(image, PREDICTIONS[1], (1.0, 1.0))])
    scores = metric.evaluate(size=len(images))
    full = score(ann_file, PREDICTIONS)
    assert scores == (full if images else dict.fromkeys(full, 0.0) | absent(full))
    assert metric.evaluation['boxes']['truth_per_class'] == [1, 3]


def absent(scores) -> dict:
    return {key: value for key, value in scores.items() if value == -1}


def test_ground_truth_of_the_samples(ann_file):
    metric = TacoMetric()
    metric.dataset_meta = {'classes': CLASSES}
    for image in (1, 2):
        instances = [
            {
                'bbox': [*box[:2], box[0] + box[2], box[1] + box[3]],
                'bbox_label': CLASSES.index(name),
                'ignore_flag': 0,
            }
            for number, name, box in BOXES
            if number == image
        ]
        sample = make_sample(image, PREDICTIONS.get(image, []))
        metric.process({}, [{**sample, 'instances': instances}])
    assert metric.evaluate(size=2) == score(ann_file, PREDICTIONS)
    metric.dataset_meta = {'classes': CLASSES}
    assert set(metric.evaluate(size=0).values()) == {-1.0}


@pytest.mark.parametrize(
    'row',
    [
        (0, float('nan'), (0, 0, 40, 40)),
        (0, 0.95, (0, 0, float('nan'), 40)),
        (0, 0.95, (0, 0, float('inf'), 40)),
    ],
)
def test_predictions_that_are_not_finite_are_left_out_and_counted(ann_file, caplog, row):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    right = (0, 0.9, (0, 0, 40, 40))
    assert score(ann_file, {1: [row, right, row]}) == score(ann_file, {1: [right]})
    logger.removeHandler(caplog.handler)
    assert [
        record.getMessage()[:28] for record in caplog.records if record.levelname == 'WARNING'
    ] == ['2 detections are not finite ']


def test_predictions_of_unknown_classes_are_refused(ann_file):
    with pytest.raises(InputError, match=r'found has the label 2 of 0\.\.1'):
        score(ann_file, {1: [(2, 0.5, (0, 0, 40, 40))]})


def test_masks_go_with_the_boxes_that_are_left_out():
    masks = [{'size': [1, 1], 'counts': text} for text in 'ab']
    row = {
        'img_id': 7,
        'bboxes': np.array([[0, 0, np.nan, 1], [0, 0, 1, 1]]),
        'scores': np.array([0.5, 0.25]),
        'labels': np.array([1, 0]),
        'masks': masks,
    }
    (kept,), dropped = drop_not_finite([row])
    assert dropped == 1
    assert kept['img_id'] == 7
    assert kept['masks'] == masks[1:]
    assert (kept['labels'].tolist(), kept['scores'].tolist()) == ([0], [0.25])
    assert len(row['masks']) == 2


def test_a_box_that_ends_before_it_begins_is_wrong(ann_file):
    right = (0, 0.9, (0, 0, 40, 40))
    scores = score(ann_file, {1: [(0, 0.95, (40, 40, -40, -40)), right]})
    assert scores['coco/Can_precision'] == scores['coco/Can_AP50'] == 1 / 2


def test_a_file_without_areas_is_refused(ann_file, tmp_path):
    coco = json.loads(Path(ann_file).read_text())
    coco['annotations'][1].pop('area')
    path = tmp_path / 'b.json'
    path.write_text(json.dumps(coco))
    with pytest.raises(InputError, match='area must be a finite number, but annotation 1 .* None'):
        score(str(path), PREDICTIONS)


def test_predictions_of_unknown_images_are_refused(ann_file):
    metric = make_metric(ann_file, {})
    metric.process({}, [make_sample(7, PREDICTIONS[1])])
    with pytest.raises(InputError, match='has the image_id 7, which none of the 2 images'):
        metric.evaluate(size=3)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'metric': 'proposal'}, r"of \['bbox', 'segm'\], but is proposal; CocoMetric scores prop"),
        ({'metric': []}, 'metric must be of'),
        ({'use_mp_eval': True}, 'use_mp_eval has no effect on TacoMetric; leave it out'),
        ({'sort_categories': True}, 'sort_categories has no effect'),
        ({'format_only': True}, 'format_only needs an outfile_prefix'),
        ({'metric_items': ['mAP', 'AR@7']}, r"metric_items must be of .* but has \['AR@7'\]"),
        ({'proposal_nums': (1, 10, 50)}, 'tops must be three numbers with 100 among them'),
        ({'iou_thrs': [0.5, 2]}, r'iou must be thresholds in \(0, 1\]'),
        ({'iou_thresholds': [0]}, r'study_iou must be thresholds in \(0, 1\]'),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        TacoMetric(**arguments)


def test_results_are_written(ann_file, tmp_path):
    prefix = str(tmp_path / 'out' / 'test')
    assert score(ann_file, PREDICTIONS, outfile_prefix=prefix) == score(ann_file, PREDICTIONS)
    written = tmp_path / 'out' / 'test.bbox.json'
    (can, _, cup) = json.loads(written.read_text())
    assert (can['image_id'], can['category_id'], can['bbox']) == (1, 1, [0, 0, 40, 40])
    assert (cup['category_id'], cup['score']) == (2, pytest.approx(0.7))
    assert score(ann_file, {}, format_only=True, outfile_prefix=prefix) == {}
    assert json.loads(written.read_text()) == []


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
    assert ours == pytest.approx(reference.stats[:6].tolist(), abs=1e-9)
    assert 0.1 < ours[0] < 1


def draw_masks(tmp_path, seed, images=6):
    """A file of polygons, RLEs and crowds, and samples with masks and scores of masks."""
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
def test_figures_are_those_of_stock(tmp_path, seed, options):
    path, samples = draw_masks(tmp_path, seed)
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


def test_segm_needs_masks(ann_file):
    with pytest.raises(InputError, match='segmentation must be polygons or an RLE, but annotation'):
        score(ann_file, {}, metric='segm')
    with pytest.raises(InputError, match='needs masks, but the detections in image 1 have none'):
        score(ann_file, PREDICTIONS, metric=['bbox', 'segm'])


# One process imports, and forks before anything has run in it.
TWO_PROCESSES = """
import json
import pickle
import sys
from pathlib import Path
import torch.distributed as dist
import torch.multiprocessing as mp
from taco_plugin.evaluation import TacoMetric

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


def test_two_processes_score_as_one(tmp_path):
    path, samples = draw_masks(tmp_path, seed=0, images=5)
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


@pytest.mark.parametrize('metric', ['bbox', 'segm'])
def test_what_is_gathered_is_small(tmp_path, metric):
    path, samples = draw_masks(tmp_path, seed=0)
    taco = TacoMetric(metric=metric)
    taco.dataset_meta = {'classes': CLASSES, 'ann_file': path}
    taco.process({}, samples)
    detections = sum(len(result['labels']) for _, result in taco.results)
    assert len(pickle.dumps(taco.results)) < 1000 * len(samples) + 300 * detections
