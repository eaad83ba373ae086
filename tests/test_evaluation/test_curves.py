import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from taco_plugin.boxes import Boxes
from taco_plugin.coco.index import index_coco
from taco_plugin.errors import InputError
from taco_plugin.evaluation.curves import (
    average_precision,
    best_f1,
    precision_recall,
    score_curves,
)
from taco_plugin.evaluation.matching import match

LABELS = {1: 0, 2: 1, 3: 2, 4: 3}

# The can and one of three cups are found, and one cup is found where nothing is.
TRUTH = [
    {'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 40, 40]},
    {'image_id': 1, 'category_id': 2, 'bbox': [50, 50, 40, 40]},
    {'image_id': 2, 'category_id': 2, 'bbox': [0, 0, 40, 40]},
    {'image_id': 2, 'category_id': 2, 'bbox': [50, 50, 40, 40]},
]
FOUND = [
    {'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 40, 40], 'score': 0.9},
    {'image_id': 1, 'category_id': 2, 'bbox': [0, 50, 40, 40], 'score': 0.8},
    {'image_id': 1, 'category_id': 2, 'bbox': [50, 50, 40, 40], 'score': 0.7},
]


def match_rows(annotations, results):
    truth = Boxes.from_coco({'annotations': annotations}, LABELS)
    return match(truth, Boxes.from_results(results, LABELS))


def draw(seed, images=6, truths=60, detections=150, ties=True):
    """Detections near the truth; class 2 has no ground truth, class 3 no detection."""
    rng = np.random.default_rng(seed)
    annotations = [
        {
            'id': number,
            'image_id': int(rng.integers(images)),
            'category_id': int(rng.choice([1, 2, 4])),
            'bbox': [*rng.uniform(0, 60, 2).tolist(), *rng.uniform(5, 40, 2).tolist()],
            'area': 1,
            'iscrowd': int(rng.random() < 0.1),
        }
        for number in range(1, truths + 1)
    ]
    results = []
    for number in range(detections):
        near = annotations[rng.integers(truths)]
        category = near['category_id'] if rng.random() < 0.8 else 3
        box = np.maximum(np.add(near['bbox'], rng.normal(0, 3, 4)), 0)
        score = rng.uniform()
        results.append(
            {
                'image_id': near['image_id'],
                'category_id': 1 if category == 4 else category,
                'bbox': box.tolist(),
                'score': round(score, 1) if ties else score + number * 1e-9,
            }
        )
    return annotations, results


def reference(annotations, results):
    """pycocotools' precision at IoU 0.5, shape (classes, 101), NaN without ground truth."""
    coco = {
        'images': [{'id': image} for image in range(6)],
        'categories': [{'id': number} for number in LABELS],
        'annotations': annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth = index_coco(coco, COCO)
        empty = index_coco({**coco, 'annotations': []}, COCO)  # loadRes fails without results
        evaluation = COCOeval(truth, truth.loadRes(results) if results else empty, 'bbox')
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval['precision'][0, :, :, 0, -1].T
    return np.where(precision < 0, np.nan, precision)


def test_four_boxes_worked_by_hand():
    matches = match_rows(TRUTH, FOUND)
    precision = precision_recall(matches, 3)
    # Cups: precision 1/2 up to recall 1/3, which are 34 of COCO's 101 points of recall.
    assert precision[0].tolist() == [1] * 101
    assert precision[1].tolist() == [0.5] * 34 + [0] * 67
    np.testing.assert_allclose(average_precision(precision), [1, 17 / 101, np.nan])

    curves = score_curves(matches, 3, [0, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
    can, cup, none = curves.precision
    assert can.tolist() == [1] * 7
    assert cup.tolist() == [0.5, 0.5, 0, 0, 1, 1, 1]
    assert curves.recall[0].tolist() == [1] * 6 + [0]
    assert curves.recall[1].tolist() == [1 / 3] * 2 + [0] * 5
    assert curves.f1[0].tolist() == [1] * 6 + [0]
    assert curves.f1[1].tolist() == [2 / 5] * 2 + [0] * 5
    assert np.isnan([none, curves.recall[2], curves.f1[2]]).all()
    assert curves.mean_precision.tolist() == [0.75, 0.75, 0.5, 0.5, 1, 1, 1]
    assert curves.mean_recall == pytest.approx([2 / 3] * 2 + [0.5] * 4 + [0])
    assert curves.mean_f1.tolist() == [0.7, 0.7, 0.5, 0.5, 0.5, 0.5, 0]
    assert best_f1(curves) == (0, 0.7)


@pytest.mark.parametrize('seed', range(10))
@pytest.mark.parametrize(
    'sizes',
    [{}, {'ties': False}, {'images': 1, 'detections': 700}, {'truths': 1}, {'detections': 0}],
    ids=str,
)
def test_parity_with_pycocotools(seed, sizes):
    annotations, results = draw(seed, **sizes)
    expected = reference([dict(row) for row in annotations], [dict(row) for row in results])
    ours = precision_recall(match_rows(annotations, results), 4)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(average_precision(ours), expected.mean(axis=1), rtol=0, atol=1e-9)
    assert np.isnan(ours[2]).all()
    if not sizes:
        assert 0.05 < average_precision(ours)[0] < 0.95
        assert average_precision(ours)[3] == 0


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('ties', [True, False])
def test_parity_with_scikit_learn(seed, ties):
    sklearn_metrics = pytest.importorskip('sklearn.metrics')
    matches = match_rows(*draw(seed, ties=ties))
    for label in (0, 1):
        rows = (matches.label == label) & ~matches.ignored
        correct = matches.correct[rows]
        assert 0 < correct.sum() < len(correct)
        precision, recall, thresholds = sklearn_metrics.precision_recall_curve(
            correct, matches.score[rows]
        )
        above = [*thresholds, thresholds[-1] + 1e-9]  # its last point: no detections
        curves = score_curves(matches, 4, above)
        np.testing.assert_allclose(curves.precision[label], precision, atol=1e-12)
        # It knows only of the true boxes that some detection finds.
        found = correct.sum() / matches.true_boxes(4)[label]
        np.testing.assert_allclose(curves.recall[label], recall * found, atol=1e-12)


@pytest.mark.parametrize('seed', range(5))
def test_figures_at_a_threshold_are_those_of_the_detections_above_it(seed):
    annotations, results = draw(seed)
    curves = score_curves(match_rows(annotations, results), 4, np.linspace(0, 1, 11))
    for index, threshold in enumerate(curves.thresholds):
        above = match_rows(annotations, [row for row in results if row['score'] >= threshold])
        for label in (0, 1, 3):
            of_class = (above.label == label) & ~above.ignored
            found, right = of_class.sum(), above.correct[of_class].sum()
            recall = right / above.true_boxes(4)[label]
            precision = right / found if found else 1
            f1 = 2 * precision * recall / (precision + recall) if right else 0
            assert curves.precision[label, index] == pytest.approx(precision)
            assert curves.recall[label, index] == pytest.approx(recall)
            assert curves.f1[label, index] == pytest.approx(f1)


@pytest.mark.parametrize('seed', range(5))
def test_recall_never_rises_with_the_threshold(seed):
    matches = match_rows(*draw(seed))
    curves = score_curves(matches, 4)
    assert curves.thresholds[[0, 1, -1]] == pytest.approx([0, 0.001, 1])
    assert (np.diff(curves.recall[[0, 1, 3]]) <= 0).all()
    shuffled = np.random.default_rng(seed).permutation(1001)
    mixed = score_curves(matches, 4, curves.thresholds[shuffled])
    np.testing.assert_array_equal(mixed.precision, curves.precision[:, shuffled])


@pytest.mark.parametrize('seed', range(5))
def test_best_f1_is_reached_and_never_exceeded(seed):
    curves = score_curves(match_rows(*draw(seed)), 4)
    threshold, f1 = best_f1(curves)
    means = [np.mean([curves.f1[label, i] for label in (0, 1, 3)]) for i in range(1001)]
    assert f1 == pytest.approx(max(means))
    assert threshold == curves.thresholds[np.isclose(means, max(means), rtol=1e-12)].min()
    assert 0.1 < f1 < 0.9


def test_order_of_boxes_and_images_changes_nothing():
    annotations, results = draw(3, ties=False)
    expected = match_rows(annotations, results)
    rng = np.random.default_rng(0)
    numbers = rng.permutation(50).tolist()

    def mix(rows):
        return [{**rows[i], 'image_id': numbers[rows[i]['image_id']]} for i in order]

    order = rng.permutation(len(annotations))
    mixed_annotations = mix(annotations)
    order = rng.permutation(len(results))
    mixed = match_rows(mixed_annotations, mix(results))
    np.testing.assert_array_equal(precision_recall(mixed, 4), precision_recall(expected, 4))
    np.testing.assert_array_equal(score_curves(mixed, 4).f1, score_curves(expected, 4).f1)


def test_without_detections():
    matches = match_rows(TRUTH, [])
    assert average_precision(precision_recall(matches, 2)).tolist() == [0, 0]
    curves = score_curves(matches, 2)
    assert (curves.precision == 1).all()
    assert (curves.recall == 0).all()
    assert best_f1(curves) == (0, 0)


def test_without_ground_truth():
    matches = match_rows([], FOUND)
    assert np.isnan(average_precision(precision_recall(matches, 2))).all()
    curves = score_curves(matches, 2)
    assert np.isnan(curves.mean_precision).all()
    assert np.isnan(best_f1(curves)).all()


def test_bad_arguments_are_refused():
    matches = match_rows(TRUTH, FOUND)
    for function in (precision_recall, score_curves):
        with pytest.raises(InputError, match=r'truth has the label 1 of 0\.\.0'):
            function(matches, 1)
    with pytest.raises(InputError, match=r'found has the label 1 of 0\.\.0'):
        precision_recall(match_rows(TRUTH[:1], FOUND), 1)
    for thresholds in (0.5, [[0.5]], [np.nan]):
        with pytest.raises(InputError, match='thresholds must be one row of finite numbers'):
            score_curves(matches, 2, thresholds)
    with pytest.raises(InputError, match='thresholds must not be empty'):
        best_f1(score_curves(matches, 2, []))
