import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.evaluation.curves import best_f1, precision_recall, score_curves
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
        score = round(score, 1) if ties else score + number * 1e-9
        category = 1 if category == 4 else category
        ids = {'image_id': near['image_id'], 'category_id': category}
        results.append({**ids, 'bbox': box.tolist(), 'score': score})
    return annotations, results


def test_four_boxes_worked_by_hand():
    matches = match_rows(TRUTH, FOUND)
    precision = precision_recall(matches, 3)
    # Cups: precision 1/2 up to recall 1/3, which are 34 of COCO's 101 points of recall.
    assert precision[0].tolist() == [1] * 101
    assert precision[1].tolist() == [0.5] * 34 + [0] * 67
    np.testing.assert_allclose(precision.mean(axis=1), [1, 17 / 101, np.nan])

    curves = score_curves(matches, 3, [0, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
    can, cup, none = curves.precision
    assert can.tolist() == [1] * 7
    assert cup.tolist() == [0.5, 0.5, 0, 0, 1, 1, 1]
    assert curves.recall[0].tolist() == [1] * 6 + [0]
    assert curves.recall[1].tolist() == [1 / 3] * 2 + [0] * 5
    assert curves.f1[0].tolist() == [1] * 6 + [0]
    assert curves.f1[1].tolist() == [2 / 5] * 2 + [0] * 5
    assert np.isnan([none, curves.recall[2], curves.f1[2]]).all()
    assert curves.mean_f1.tolist() == [0.7, 0.7, 0.5, 0.5, 0.5, 0.5, 0]
    assert best_f1(curves) == (0, 0.7)


@pytest.mark.parametrize('seed', range(2))
@pytest.mark.parametrize(
    'sizes',
    [{}, {'ties': False}, {'images': 1, 'detections': 700}, {'truths': 1}, {'detections': 0}],
    ids=str,
)
def test_parity_with_pycocotools(seed, sizes, run_pycocotools):
    annotations, results = draw(seed, **sizes)
    coco = {
        'images': [{'id': image} for image in range(6)],
        'categories': [{'id': number} for number in LABELS],
        'annotations': annotations,
    }
    expected = run_pycocotools(coco, results).eval['precision'][0, :, :, 0, -1].T
    expected = np.where(expected < 0, np.nan, expected)
    ours = precision_recall(match_rows(annotations, results), 4)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)
    assert np.isnan(ours[2]).all()
    assert sizes or 0.05 < ours.mean(axis=1)[0] < 0.95


@pytest.mark.parametrize('seed', range(2))
def test_figures_at_a_threshold_are_those_of_the_detections_above_it(seed):
    annotations, results = draw(seed)
    curves = score_curves(match_rows(annotations, results), 4, np.linspace(0, 1, 11))
    for index, threshold in enumerate(curves.thresholds):
        above = match_rows(annotations, [row for row in results if row['score'] >= threshold])
        for label in (0, 1, 3):
            of_class = (above.label == label) & ~above.ignored
            found, right = of_class.sum(), above.correct[of_class].sum()
            recall = right / np.bincount(above.truth_label)[label]
            precision = right / found if found else 1
            f1 = 2 * precision * recall / (precision + recall) if right else 0
            assert curves.precision[label, index] == pytest.approx(precision)
            assert curves.recall[label, index] == pytest.approx(recall)
            assert curves.f1[label, index] == pytest.approx(f1)


@pytest.mark.parametrize('seed', range(2))
def test_best_f1_is_reached_and_never_exceeded(seed):
    curves = score_curves(match_rows(*draw(seed)), 4)
    threshold, f1 = best_f1(curves)
    means = [np.mean([curves.f1[label, i] for label in (0, 1, 3)]) for i in range(1001)]
    assert f1 == pytest.approx(max(means))
    assert threshold == curves.thresholds[np.isclose(means, max(means), rtol=1e-12)].min()
    assert 0.1 < f1 < 0.9


def test_without_detections():
    matches = match_rows(TRUTH, [])
    assert precision_recall(matches, 2).mean(axis=1).tolist() == [0, 0]
    curves = score_curves(matches, 2)
    assert (curves.precision == 1).all()
    assert (curves.recall == 0).all()
    assert best_f1(curves) == (0, 0)


def test_without_ground_truth():
    matches = match_rows([], FOUND)
    assert np.isnan(precision_recall(matches, 2).mean(axis=1)).all()
    curves = score_curves(matches, 2)
    assert np.isnan(curves.mean_f1).all()
    assert np.isnan(best_f1(curves)).all()
