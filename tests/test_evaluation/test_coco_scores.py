import contextlib
import copy
import io

import numpy as np
import pytest
import torch
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from taco_plugin.boxes import SIZES
from taco_plugin.coco.index import index_coco
from taco_plugin.errors import InputError
from taco_plugin.evaluation.coco_scores import COCO_IOU, score_results
from taco_plugin.evaluation.summaries import (
    ScoreSettings,
    summarize_classes,
    summarize_coco,
    summarize_sizes,
    summarize_study,
)

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
                row['segmentation'] = (
                    encode(xywh) if crowd or rng.random() < 0.3 else polygons(xywh)
                )
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


def reference(truth, results, iou_type, iou, tops):
    truth, results = copy.deepcopy((truth, results))
    for number, row in enumerate(truth['annotations'], start=1):
        row['id'] = number
    with contextlib.redirect_stdout(io.StringIO()):
        indexed = index_coco(truth, COCO)
        nothing = index_coco({**truth, 'annotations': []}, COCO)
        found = indexed.loadRes(results) if results else nothing
        evaluation = COCOeval(indexed, found, iou_type)
        evaluation.params.iouThrs = np.array(iou)
        evaluation.params.maxDets = list(tops)
        evaluation.evaluate()
        evaluation.accumulate()
        with contextlib.suppress(UnboundLocalError, IndexError):
            evaluation.summarize()
    return evaluation


def score(truth, results, iou_type='bbox', factors=None):
    every = SETTINGS.every_iou, SETTINGS.every_top
    return score_results(truth, results, iou_type, *every, factors)


CASES = {
    **{f'random {seed}': dict(seed=seed) for seed in range(5)},
    **{f'without ties {seed}': dict(seed=seed, ties=False) for seed in range(5, 8)},
    'no detections': dict(seed=8, detections=0),
    'no ground truth': dict(seed=9, truths=0),
    'neither': dict(seed=10, truths=0, detections=0),
    'one image': dict(seed=11, images=(0,), truths=20, detections=40),
    'one class': dict(seed=12, categories=(4, 5)),
    'more than 100': dict(
        seed=13, images=(1, 2), categories=(1, 2), truths=50, detections=600, ties=False
    ),
    **{f'masks {seed}': dict(seed=seed, segm=True, detections=40) for seed in range(14, 17)},
    'no masks': dict(seed=17, segm=True, detections=0),
}
every_case = pytest.mark.parametrize('case', CASES.values(), ids=CASES)


@every_case
def test_parity_with_pycocotools(case):
    truth, results = draw(**case)
    iou_type = 'segm' if case.get('segm') else 'bbox'
    given = copy.deepcopy((truth, results))
    scores, at_input = score(truth, results, iou_type)
    assert at_input is None
    assert (truth, results) == given
    assert scores.iou_thresholds == (0.25, *COCO_IOU)
    assert scores.max_detections == (1, 10, 100, 300, 1000)
    theirs = reference(truth, results, iou_type, COCO_IOU, (100, 300, 1000))
    ours = list(summarize_coco(scores, SETTINGS).values())
    assert ours == pytest.approx(theirs.stats.tolist(), abs=1e-9)
    # Both of pycocotools' evaluations are parts of the one, number by number.
    np.testing.assert_allclose(
        scores.precision[1:, ..., 2:], theirs.eval['precision'], rtol=0, atol=1e-9
    )
    study = reference(truth, results, iou_type, (0.25, 0.5, 0.75), (1, 10, 100))
    rows = [scores.iou_thresholds.index(threshold) for threshold in (0.25, 0.5, 0.75)]
    np.testing.assert_allclose(
        scores.precision[rows][..., :3], study.eval['precision'], rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        scores.recall[rows][..., :3], study.eval['recall'], rtol=0, atol=1e-9
    )


@pytest.mark.parametrize('name', ['random 0', 'random 1', 'more than 100', 'masks 14'])
def test_figures_of_each_class_are_those_of_its_own_file(name):
    case = CASES[name]
    truth, results = draw(**case)
    iou_type = 'segm' if case.get('segm') else 'bbox'
    figures = summarize_classes(score(truth, results, iou_type)[0], SETTINGS)
    ids = sorted(case.get('categories', (7, 3, 100, 1)))
    for label, number in enumerate(ids):
        rows = [row for row in truth['annotations'] if row['category_id'] == number]
        own = {**truth, 'categories': [{'id': number, 'name': ''}], 'annotations': rows}
        own_results = [row for row in results if row['category_id'] == number]
        theirs = reference(own, own_results, iou_type, COCO_IOU, (1, 100, 1000))
        precision, recall = theirs.eval['precision'][..., 0, 0, 2], theirs.eval['recall'][:, 0, 0]
        ours = [figures[name][label] for name in ('AP', 'AP50', 'AR100')]
        expected = precision.mean(), precision[0].mean(), recall[:, 1].mean()
        assert ours == pytest.approx(expected, abs=1e-9)
    assert any(0 < ap < 1 for ap in figures['AP'])


def scale(row, factors):
    """The annotation or result in an image that is resized."""
    x, y = factors[row['image_id']]
    left, top, width, height = row['bbox']
    area = {'area': row['area'] * x * y} if 'area' in row else {}
    return {**row, **area, 'bbox': [left * x, top * y, width * x, height * y]}


@pytest.mark.parametrize('name', ['random 0', 'random 1', 'without ties 5', 'more than 100'])
def test_sizes_at_the_input_are_those_of_resized_boxes(name):
    truth, results = draw(**CASES[name])
    rng = np.random.default_rng(0)
    factors = {image['id']: rng.uniform(0.3, 2, 2) for image in truth['images']}
    areas = {image: float(x * y) for image, (x, y) in factors.items()}
    native, at_input = score(truth, results, factors=areas)
    resized = {**truth, 'annotations': [scale(row, factors) for row in truth['annotations']]}
    expected, _ = score(resized, [scale(row, factors) for row in results])
    assert at_input.sizes == tuple(SIZES)
    ours = summarize_sizes(at_input, SETTINGS)
    assert ours == pytest.approx(summarize_sizes(expected, SETTINGS), abs=1e-9)
    assert ours != pytest.approx(summarize_sizes(native, SETTINGS), abs=1e-3)
    unscaled, _ = score(truth, results)
    assert np.array_equal(unscaled.precision, native.precision)


def test_masks_are_resized_by_their_own_area():
    truth, results = draw(seed=14, segm=True)
    once = {image['id']: 1.0 for image in truth['images']}
    native, same = score(truth, results, 'segm', once)
    assert np.array_equal(same.precision[..., 0], native.precision[:, :, :, 1:, -1])
    _, smaller = score(truth, results, 'segm', {image: 1e-4 for image in once})
    expected = native.ap(COCO_IOU, 1000)
    assert summarize_sizes(smaller, SETTINGS) == {'small': expected, 'medium': -1, 'large': -1}


def tensors(rows, iou_type):
    """What torchmetrics takes of annotations or results."""
    columns = {'labels': ('category_id', torch.int64), 'scores': ('score', torch.float64)}
    columns |= {'iscrowd': ('iscrowd', torch.int64), 'area': ('area', torch.float64)}
    given = {
        name: torch.tensor([row[key] for row in rows if key in row], dtype=dtype)
        for name, (key, dtype) in columns.items()
    }
    if iou_type == 'bbox':
        boxes = torch.tensor([row['bbox'] for row in rows], dtype=torch.float64)
        return {**given, 'boxes': boxes.reshape(-1, 4)}
    masks = [decode(row['segmentation']) for row in rows]
    return {**given, 'masks': torch.tensor(np.array(masks).reshape(-1, SIDE, SIDE))}


def decode(segmentation):
    if isinstance(segmentation, list):
        segmentation = rle.merge(rle.frPyObjects(segmentation, SIDE, SIDE))
    return rle.decode(segmentation)


@every_case
def test_parity_with_torchmetrics(case):
    detection = pytest.importorskip(
        'torchmetrics.detection', reason='torchmetrics is not installed'
    )
    pytest.importorskip('torchvision', reason='torchmetrics needs torchvision')
    truth, results = draw(**case)
    iou_type = 'segm' if case.get('segm') else 'bbox'
    if iou_type == 'segm':  # torchmetrics leaves out images without true masks
        full = {row['image_id'] for row in truth['annotations']}
        truth['images'] = [image for image in truth['images'] if image['id'] in full]
        results = [row for row in results if row['image_id'] in full]
        if not results:
            pytest.skip('torchmetrics answers -1 where COCO answers 0')
    metric = detection.MeanAveragePrecision(
        box_format='xywh',
        iou_type=iou_type,
        iou_thresholds=[0.25, 0.5, 0.75],
        rec_thresholds=np.linspace(0, 1, 101).tolist(),  # its own are rounded to float32
        class_metrics=True,
    )
    metric.warn_on_many_detections = False
    for image in sorted(image['id'] for image in truth['images']):
        pair = [
            tensors([row for row in rows if row['image_id'] == image], iou_type)
            for rows in (results, truth['annotations'])
        ]
        metric.update([pair[0]], [pair[1]])
    theirs = {name: np.atleast_1d(value).tolist() for name, value in metric.compute().items()}
    ours = summarize_study(score(truth, results, iou_type)[0], SETTINGS)
    assert set(theirs) == set(ours)
    ids = sorted(category['id'] for category in truth['categories'])
    seen = [ids.index(number) for number in theirs.pop('classes')]
    for name, expected in theirs.items():
        figures = ours[name]
        if isinstance(figures, list):
            assert all(figures[label] == -1 for label in set(range(len(ids))) - set(seen))
            figures = [figures[label] for label in seen]
        assert np.atleast_1d(figures).tolist() == pytest.approx(expected, abs=1e-6), name


BOX = {'image_id': 1, 'category_id': 1, 'bbox': [0.0, 0.0, 9.0, 9.0]}
TRUE = {**BOX, 'area': 81.0}
FOUND = {**BOX, 'score': 0.5}
TRUTH = {'images': [{'id': 1}], 'categories': [{'id': 1, 'name': 'Can'}], 'annotations': [TRUE]}


def without(row, key):
    return {name: value for name, value in row.items() if name != key}


@pytest.mark.parametrize(
    ('true', 'found', 'message'),
    [
        (without(TRUE, 'area'), FOUND, 'area must be a finite number, but annotation 0 .* None'),
        (without(TRUE, 'bbox'), FOUND, 'bbox must be four finite numbers, but annotation 0'),
        ({**TRUE, 'area': float('nan')}, FOUND, 'area must be .* annotation 0 .* has nan'),
        (TRUE, {**FOUND, 'score': float('nan')}, 'score must be .* result 0 .* has nan'),
        (TRUE, {**FOUND, 'bbox': [0, 0, float('nan'), 1]}, 'bbox must be four finite .* result 0'),
        (TRUE, {**FOUND, 'bbox': [0, 0, 1]}, 'bbox must be four finite numbers, but result 0'),
        (TRUE, {**FOUND, 'image_id': 2}, 'result 0 .* has the image_id 2, which none of the 1 im'),
        (TRUE, without(FOUND, 'image_id'), 'result 0 .* has no image_id, which'),
        ({**TRUE, 'category_id': 5}, FOUND, 'annotation 0 .* has the category_id 5, which none'),
    ],
)
def test_what_would_be_scored_wrongly_is_refused(true, found, message):
    with pytest.raises(InputError, match=message):
        score({**TRUTH, 'annotations': [true]}, [found])
    scores, _ = score(TRUTH, [FOUND])
    assert scores.ap(COCO_IOU, 100) == 1


def test_masks_are_needed_for_segm():
    with pytest.raises(InputError, match='segmentation must be polygons or an RLE, but annotation'):
        score({**TRUTH, 'annotations': [{**TRUE, 'segmentation': []}]}, [], 'segm')


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'iou': (0.5, 1.5)}, r'iou must be thresholds in \(0, 1\], but is \(0\.5, 1\.5\)'),
        ({'study_iou': ()}, r'study_iou must be thresholds in \(0, 1\], but is \(\)'),
        ({'tops': (1, 10, 99)}, r'tops must be three .* 100 among them, but is \(1, 10, 99\)'),
        ({'tops': (0, 10, 100)}, 'tops must be three'),
        ({'tops': (10, 100)}, 'tops must be three'),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(InputError, match=message):
        ScoreSettings(**settings)


def test_what_was_not_evaluated_is_no_figure():
    scores, _ = score_results(TRUTH, [FOUND], 'bbox', [0.5], [100])
    assert scores.ap([0.5], 100) == 1
    for question in ([0.75], 100), ([0.5], 10), ([0.5], 100, 'tiny'):
        with pytest.raises(ValueError, match='not in'):
            scores.ap(*question)
    settings = ScoreSettings(iou=(0.3, 0.5), study_iou=(0.3,))
    scores, _ = score_results(TRUTH, [FOUND], 'bbox', settings.every_iou, settings.every_top)
    assert summarize_coco(scores, settings)['mAP_50'] == 1
    assert summarize_coco(scores, settings)['mAP_75'] == -1
    assert summarize_study(scores, settings)['map_50'] == -1
