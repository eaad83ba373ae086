import numpy as np
import pytest

from taco_plugin.boxes import Boxes, box_iou
from taco_plugin.errors import InputError
from taco_plugin.evaluation.confusion import class_counts, confusion_matrix, normalise


def boxes(*rows):
    """Boxes of (image, label, xyxy, score, crowd); the last two may be missing."""
    if not rows:
        return Boxes.from_results([], {})
    full = [(*row, *(1.0, False)[len(row) - 3 :]) for row in rows]
    return Boxes(*zip(*full, strict=True))


NONE = boxes()
A, B = (0, 0, 10, 10), (50, 50, 60, 60)


def draw(seed, classes, grid=True, crowds=0.15):
    """Ground truth and detections that often overlap, on a grid with ties or without."""
    rng = np.random.default_rng(seed)

    def some(count, crowds):
        corner = rng.integers(0, 4, (count, 2)) if grid else rng.uniform(0, 4, (count, 2))
        size = rng.integers(3, 6, (count, 2)) if grid else rng.uniform(3, 6, (count, 2))
        return Boxes(
            rng.integers(0, 4, count),
            rng.integers(0, classes, count),
            np.concatenate([corner, corner + size], axis=1),
            rng.integers(0, 11, count) / 10 if grid else rng.uniform(size=count),
            rng.random(count) < crowds,
        )

    return some(25, crowds), some(40, 0)


def brute_force(truth, found, classes, score_threshold, iou_threshold):
    """Picks the best free pair of each image until there is none; then looks at the crowds."""
    matrix = np.zeros((classes + 1, classes + 1), dtype=int)
    for image in set(truth.image.tolist()) | set(found.image.tolist()):
        rows = np.flatnonzero(found.image == image)
        free = {int(row) for row in rows if found.score[row] >= score_threshold}
        free_truth = set(np.flatnonzero((truth.image == image) & ~truth.crowd).tolist())
        crowds = np.flatnonzero((truth.image == image) & truth.crowd)
        overlap = box_iou(found.xyxy, truth.xyxy, truth.crowd)
        while pairs := [
            (overlap[f, t], found.label[f] == truth.label[t], found.score[f], -f, -t)
            for f in free
            for t in free_truth
            if overlap[f, t] >= iou_threshold
        ]:
            *_, f, t = max(pairs)
            matrix[truth.label[-t], found.label[-f]] += 1
            free.remove(-f)
            free_truth.remove(-t)
        for t in free_truth:
            matrix[truth.label[t], classes] += 1
        for f in free:
            if not (overlap[f, crowds] >= iou_threshold).any():
                matrix[classes, found.label[f]] += 1
    return matrix


def test_four_boxes_worked_by_hand():
    truth = boxes((1, 0, A), (1, 1, B), (2, 1, A), (2, 1, B))
    found = boxes(
        (1, 0, A, 0.9),  # right
        (1, 0, B, 0.8),  # a cup taken for a can
        (1, 1, (0, 50, 10, 60), 0.7),  # nothing there
        (2, 1, (0, 0, 10, 8), 0.25),  # right, and just confident enough
        (2, 1, B, 0.24),  # not
    )
    matrix = confusion_matrix(truth, found, num_classes=2)
    assert matrix.tolist() == [[1, 0, 0], [1, 1, 1], [0, 1, 0]]
    assert matrix.dtype == np.int64
    np.testing.assert_allclose(normalise(matrix), [[1, 0, 0], [1 / 3] * 3, [0, 1, 0]])
    true, predicted = class_counts(truth, found, num_classes=2)
    assert (true.tolist(), predicted.tolist()) == ([1, 3], [2, 2])


def test_highest_overlap_wins_over_score_and_class():
    found = boxes((1, 0, (0, 0, 10, 9), 0.9), (1, 1, A, 0.3))
    assert confusion_matrix(boxes((1, 0, A)), found, 2).tolist() == [[0, 1, 0], [0] * 3, [1, 0, 0]]


def test_equal_overlap_goes_to_the_same_class_then_to_the_higher_score():
    found = boxes((1, 1, A, 0.9), (1, 0, A, 0.3))
    assert confusion_matrix(boxes((1, 0, A)), found, 2).tolist() == [[1, 0, 0], [0] * 3, [0, 1, 0]]
    found = boxes((1, 1, A, 0.3), (1, 2, A, 0.9))
    matrix = confusion_matrix(boxes((1, 0, A)), found, 3)
    assert (matrix[0, 2], matrix[3, 1], matrix.sum()) == (1, 1, 2)


def test_detection_takes_its_second_best_box_if_the_best_is_taken():
    truth = boxes((1, 0, A), (1, 1, (0, 0, 10, 7)))
    found = boxes((1, 1, (0, 0, 10, 9), 0.9), (1, 0, A, 0.3))
    assert confusion_matrix(truth, found, 2).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_one_class():
    truth = boxes((1, 0, A), (2, 0, A))
    found = boxes((1, 0, A, 0.9), (1, 0, A, 0.8), (3, 0, B, 0.7))
    assert confusion_matrix(truth, found, 1).tolist() == [[1, 1], [2, 0]]


def test_nothing_detected_or_nothing_there():
    truth = boxes((1, 0, A), (1, 1, B))
    assert confusion_matrix(NONE, NONE, 2).tolist() == [[0] * 3] * 3
    assert confusion_matrix(truth, NONE, 2).tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert confusion_matrix(NONE, truth, 2).tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0]]
    assert confusion_matrix(truth, truth, 2, score_threshold=1.1)[:, 2].tolist() == [1, 1, 0]
    assert [counts.tolist() for counts in class_counts(NONE, NONE, 2)] == [[0, 0]] * 2


def test_crowd_is_not_counted_and_hides_what_lies_in_it():
    truth = boxes((1, 0, (0, 0, 100, 100), 1.0, True), (1, 1, A))
    found = boxes((1, 1, A, 0.9), (1, 1, B, 0.8), (1, 0, B, 0.8), (1, 0, (99, 0, 199, 99), 0.8))
    assert confusion_matrix(truth, found, 2).tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]
    true, predicted = class_counts(truth, found, 2)
    assert (true.tolist(), predicted.tolist()) == ([0, 1], [2, 2])


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('classes', [1, 2, 5])
@pytest.mark.parametrize('grid', [True, False])
@pytest.mark.parametrize('thresholds', [(0.25, 0.5), (0.0, 0.8), (0.5, 0.1)])
def test_parity_with_picking_the_best_pair_again_and_again(seed, classes, grid, thresholds):
    truth, found = draw(seed, classes, grid)
    matrix = confusion_matrix(truth, found, classes, *thresholds)
    np.testing.assert_array_equal(matrix, brute_force(truth, found, classes, *thresholds))


@pytest.mark.parametrize('seed', range(10))
def test_rows_sum_to_true_and_columns_to_predicted_boxes(seed):
    truth, found = draw(seed, 4, crowds=0)
    matrix = confusion_matrix(truth, found, 4, score_threshold=0.5)
    true, predicted = class_counts(truth, found, 4, score_threshold=0.5)
    assert matrix[:4].sum(axis=1).tolist() == true.tolist()
    assert matrix[:, :4].sum(axis=0).tolist() == predicted.tolist()
    assert predicted.sum() == np.sum(found.score >= 0.5)
    assert matrix[4, 4] == 0
    np.testing.assert_allclose(np.nansum(normalise(matrix), axis=1), matrix.sum(axis=1) > 0)


@pytest.mark.parametrize('seed', range(10))
def test_order_of_boxes_and_images_changes_nothing(seed):
    truth, found = draw(seed, 3, grid=False)
    expected = confusion_matrix(truth, found, 3)
    rng = np.random.default_rng(seed)
    numbers = rng.permutation(99)[:4]
    mixed = [
        Boxes(numbers[b.image], b.label, b.xyxy, b.score, b.crowd)[rng.permutation(len(b))]
        for b in (truth, found)
    ]
    np.testing.assert_array_equal(confusion_matrix(*mixed, 3), expected)


def test_perfect_detections_are_the_diagonal():
    truth, _ = draw(0, 3, crowds=0)
    matrix = confusion_matrix(truth, truth, 3, score_threshold=0)
    assert matrix.tolist() == np.diag([*np.bincount(truth.label), 0]).tolist()


def test_bad_arguments_are_refused():
    box = boxes((1, 2, A))
    for function in (confusion_matrix, class_counts):
        with pytest.raises(InputError, match=r'truth has the label 2 of 0\.\.1'):
            function(box, NONE, 2)
        with pytest.raises(InputError, match=r'found has the label 2 of 0\.\.1'):
            function(NONE, box, 2)
    with pytest.raises(InputError, match=r'iou_threshold must be in \(0, 1\], but is 2'):
        confusion_matrix(box, box, 3, iou_threshold=2)
