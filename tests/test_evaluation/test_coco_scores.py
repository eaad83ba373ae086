import copy
from dataclasses import asdict

import numpy as np
import pytest
from pycocotools import mask as rle

from taco_plugin.boxes import SIZES
from taco_plugin.errors import InputError
from taco_plugin.evaluation.coco_scores import COCO_IOU, score_results
from taco_plugin.evaluation.metrics import ScoreSettings, make_metrics

SETTINGS = ScoreSettings()
SIDE = 160


def draw(
    seed,
    segm=False,
    images=(3, 9, 2, 2**33, 5),
    categories=(7, 3, 100, 1),
    truths=8,
    detections=15,
    ties=True,
):
    """Ground truth and results; the last category has no ground truth, some images neither.

    Detections lie near true boxes, or anywhere; a fifth of the true boxes are crowds.
    """
    rng = np.random.default_rng(seed)

    def box():
        size = np.exp(rng.uniform(np.log(4), np.log(140), 2))
        return [*rng.uniform(0, SIDE - size).tolist(), *size.tolist()]

    def shift(xywh):
        xywh = np.add(xywh, rng.normal(0, 4, 4))
        return [*xywh[:2].clip(0, SIDE - 2).tolist(), *xywh[2:].clip(2, SIDE).tolist()]

    annotations, results = [], []
    for image in images:
        boxes = [box() for _ in range(rng.integers(truths + 1))]
        for xywh in boxes:
            crowd = int(rng.random() < 0.2)
            area = xywh[2] * xywh[3] * rng.uniform(0.5, 1)
            ids = {'id': len(annotations), 'image_id': image}  # from 0, which never matches there
            category = int(rng.choice(categories[:-1]))
            row = {**ids, 'category_id': category, 'bbox': xywh, 'area': area, 'iscrowd': crowd}
            if segm:
                shape = encode if crowd or rng.random() < 0.3 else polygons
                row['segmentation'] = shape(xywh)
            annotations.append(row)
        for _ in range(rng.integers(detections + 1)):
            near = boxes and rng.random() < 0.7
            xywh = shift(boxes[rng.integers(len(boxes))]) if near else box()
            score = round(rng.random(), 1) if ties else rng.random()
            geometry = {'segmentation': encode(xywh)} if segm else {'bbox': xywh}
            category = int(rng.choice(categories))
            ids = {'image_id': image, 'category_id': category}
            results.append({**ids, 'score': float(score), **geometry})
    truth = {
        'images': [{'id': i, 'width': SIDE, 'height': SIDE, 'file_name': ''} for i in images],
        'categories': [{'id': i, 'name': str(i)} for i in categories],
        'annotations': annotations,
    }
    return truth, results


def encode(xywh):
    x, y, w, h = (int(value) for value in xywh)
    mask = np.zeros((SIDE, SIDE), np.uint8, order='F')
    mask[y : y + h + 1, x : x + w + 1] = 1
    encoded = rle.encode(mask)
    return {**encoded, 'counts': encoded['counts'].decode()}


def polygons(xywh):
    x, y, w, h = xywh
    return [[x, y, x + w, y, x, y + h], [x + w / 2, y + h / 2, x + w, y + h, x + w, y + h / 2]]


def score(truth, results, iou_type='bbox', factors=None, settings=SETTINGS):
    return score_results(truth, results, iou_type, area_factors=factors, **settings.evaluated)


def sizes_of(scores):
    return [scores.ap(COCO_IOU, 1000, size) for size in SIZES]


CASES = {
    **{f'random {seed}': dict(seed=seed) for seed in range(3)},
    **{f'without ties {seed}': dict(seed=seed, ties=False) for seed in (5, 6)},
    'no detections': dict(seed=8, detections=0),
    'no ground truth': dict(seed=9, truths=0),
    'neither': dict(seed=10, truths=0, detections=0),
    'one image': dict(seed=11, images=(0,), truths=20, detections=40),
    'one class': dict(seed=12, categories=(4, 5)),
    'more than 100': dict(
        seed=13, images=(1, 2), categories=(1, 2), truths=50, detections=600, ties=False
    ),
    **{f'masks {seed}': dict(seed=seed, segm=True, detections=40) for seed in (14, 15)},
    'no masks': dict(seed=17, segm=True, detections=0),
}


@pytest.mark.parametrize('case', CASES.values(), ids=CASES)
def test_parity_with_pycocotools(case, run_pycocotools):
    truth, results = draw(**case)
    iou_type = 'segm' if case.get('segm') else 'bbox'
    given = copy.deepcopy((truth, results))
    scores, at_input = score(truth, results, iou_type)
    assert at_input is None
    assert (truth, results) == given
    assert scores.iou_thresholds == (0.25, *COCO_IOU)
    assert scores.max_detections == (1, 10, 100, 300, 1000)
    theirs = run_pycocotools(truth, results, iou_type, iou=COCO_IOU, maxDets=[100, 300, 1000])
    ours = list(make_metrics(scores, None, SETTINGS).coco.values())
    assert ours == pytest.approx(theirs.stats.tolist(), abs=1e-9)
    # Both of pycocotools' evaluations are parts of the one, number by number.
    np.testing.assert_allclose(
        scores.precision[1:, ..., 2:], theirs.eval['precision'], rtol=0, atol=1e-9
    )
    study = run_pycocotools(truth, results, iou_type, iou=SETTINGS.study_iou)
    rows = [scores.iou_thresholds.index(threshold) for threshold in (0.25, 0.5, 0.75)]
    for name in ('precision', 'recall'):
        ours = getattr(scores, name)[rows][..., :3]
        np.testing.assert_allclose(ours, study.eval[name], rtol=0, atol=1e-9)


@pytest.mark.parametrize('name', ['random 0', 'more than 100', 'masks 14'])
def test_figures_of_each_class_are_those_of_its_own_file(name, run_pycocotools):
    case = CASES[name]
    truth, results = draw(**case)
    iou_type = 'segm' if case.get('segm') else 'bbox'
    metrics = make_metrics(*score(truth, results, iou_type), SETTINGS).per_class
    ids = sorted(case.get('categories', (7, 3, 100, 1)))
    for label, number in enumerate(ids):
        rows = [row for row in truth['annotations'] if row['category_id'] == number]
        own = {**truth, 'categories': [{'id': number, 'name': ''}], 'annotations': rows}
        own_results = [row for row in results if row['category_id'] == number]
        limits = [1, 100, 1000]
        theirs = run_pycocotools(own, own_results, iou_type, iou=COCO_IOU, maxDets=limits)
        precision, recall = theirs.eval['precision'][..., 0, 0, 2], theirs.eval['recall'][:, 0, 0]
        ours = [values[label] for values in (metrics.AP, metrics.AP50, metrics.AR100)]
        expected = precision.mean(), precision[0].mean(), recall[:, 1].mean()
        assert ours == pytest.approx(expected, abs=1e-9)
    assert any(0 < ap < 1 for ap in metrics.AP)


def scale(row, factors):
    """The annotation or result in an image that is resized."""
    x, y = factors[row['image_id']]
    left, top, width, height = row['bbox']
    area = {'area': row['area'] * x * y} if 'area' in row else {}
    return {**row, **area, 'bbox': [left * x, top * y, width * x, height * y]}


@pytest.mark.parametrize('name', ['random 0', 'without ties 5', 'more than 100'])
def test_sizes_at_the_input_are_those_of_resized_boxes(name):
    truth, results = draw(**CASES[name])
    rng = np.random.default_rng(0)
    factors = {image['id']: rng.uniform(0.3, 2, 2) for image in truth['images']}
    areas = {image: float(x * y) for image, (x, y) in factors.items()}
    native, at_input = score(truth, results, factors=areas)
    resized = {**truth, 'annotations': [scale(row, factors) for row in truth['annotations']]}
    expected, _ = score(resized, [scale(row, factors) for row in results])
    assert at_input.sizes == tuple(SIZES)
    assert list(asdict(make_metrics(native, at_input, SETTINGS).per_size_at_input).values()) == (
        sizes_of(at_input)
    )
    assert sizes_of(at_input) == pytest.approx(sizes_of(expected), abs=1e-9)
    assert sizes_of(at_input) != pytest.approx(sizes_of(native), abs=1e-3)
    unscaled, _ = score(truth, results)
    assert np.array_equal(unscaled.precision, native.precision)


def test_masks_are_resized_by_their_own_area():
    truth, results = draw(seed=14, segm=True)
    once = {image['id']: 1.0 for image in truth['images']}
    native, same = score(truth, results, 'segm', once)
    assert np.array_equal(same.precision[..., 0], native.precision[:, :, :, 1:, -1])
    _, smaller = score(truth, results, 'segm', {image: 1e-4 for image in once})
    expected = native.ap(COCO_IOU, 1000)
    assert sizes_of(smaller) == [expected, -1, -1]


BOX = {'image_id': 1, 'category_id': 1, 'bbox': [0.0, 0.0, 9.0, 9.0]}
TRUE = {**BOX, 'area': 81.0}
FOUND = {**BOX, 'score': 0.5}
TRUTH = {'images': [{'id': 1}], 'categories': [{'id': 1, 'name': 'Can'}], 'annotations': [TRUE]}


@pytest.mark.parametrize(
    ('true', 'found', 'message'),
    [
        ({'area': float('nan')}, {}, 'area must be a finite number, but annotation 0 has nan'),
        ({'area': None}, {}, 'area must be a finite number, but annotation 0 has None'),
        ({'image_id': 2}, {}, 'image_id must be of the 1 images of the truth, but annotation 0'),
        ({'bbox': None}, {}, 'bbox must not be empty, but annotation 0 has none'),
        ({}, {'score': float('nan')}, 'score must be finite, but result 0 has nan'),
        ({}, {'image_id': 2}, 'image_id must be of the 1 images of the truth, but result 0 .* 2'),
    ],
)
def test_what_would_be_scored_wrongly_is_refused(true, found, message):
    with pytest.raises(InputError, match=message):
        score({**TRUTH, 'annotations': [TRUE | true]}, [FOUND | found])


def test_what_was_not_evaluated_is_no_figure():
    scores, _ = score_results(TRUTH, [FOUND], 'bbox', iou_thresholds=[0.5], max_detections=[100])
    assert scores.ap([0.5], 100) == 1
    for question in ([0.75], 100), ([0.5], 10), ([0.5], 100, 'tiny'):
        with pytest.raises(ValueError, match='not in'):
            scores.ap(*question)
    settings = ScoreSettings(iou=(0.3, 0.5), study_iou=(0.3,))
    metrics = make_metrics(*score(TRUTH, [FOUND], settings=settings), settings)
    assert (metrics.coco['mAP_50'], metrics.coco['mAP_75']) == (1, -1)
    assert metrics.study.map_50 == -1
