import numpy as np
import pytest

from taco_plugin.boxes import Boxes, box_iou
from taco_plugin.evaluation.curves import confusion_matrix, normalise
from taco_plugin.evaluation.detection_errors import (
    ERROR_KINDS,
    choose_images,
    find_errors,
    judge_boxes,
)
from taco_plugin.evaluation.matching import match


def boxes(*rows):
    """Boxes of (image, label, xyxy, score, crowd); the last two may be missing."""
    if not rows:
        return Boxes.from_results([], {})
    full = [(*row, *(1.0, False)[len(row) - 3 :]) for row in rows]
    return Boxes(*zip(*full, strict=True))


NONE = boxes()
A, B, FAR = (0, 0, 10, 10), (50, 50, 60, 70), (200, 200, 210, 210)


def draw(seed, classes=3, grid=True):
    """Ground truth and detections that often overlap, on a grid with ties or without."""
    rng = np.random.default_rng(seed)

    def some(count, crowds):
        draw_numbers = rng.integers if grid else rng.uniform
        corner, size = draw_numbers(0, 5, (count, 2)), draw_numbers(1, 6, (count, 2))
        return Boxes(
            rng.integers(0, 4, count),
            rng.integers(0, classes, count),
            np.concatenate([corner, corner + size], axis=1),
            rng.integers(0, 11, count) / 10 if grid else rng.uniform(size=count),
            rng.random(count) < crowds,
        )

    return some(25, 0.15), some(40, 0)


def kind_by_hand(truth, found, row):
    """The rules one after the other, for a detection that is known to be wrong."""
    here = np.flatnonzero(truth.image == found.image[row])
    iou = box_iou(found.xyxy[[row]], truth.xyxy[here], truth.crowd[here])[0]
    same = truth.label[here] == found.label[row]
    rules = [(iou >= least) & which for least in (0.5, 0.1) for which in (same, ~same)]
    for kind, fits in zip(ERROR_KINDS, rules, strict=False):
        if fits.any():
            return kind, iou[fits].max()
    return 'background', 0


def test_one_of_each_kind_worked_by_hand():
    truth = boxes((1, 0, A), (1, 1, B), (2, 1, A))
    found = boxes(
        (1, 0, A, 0.9),  # correct
        (1, 0, (0, 0, 10, 8), 0.5),  # duplicate, IoU 0.8
        (1, 0, B, 0.6),  # classification
        (1, 1, (50, 50, 60, 58), 0.7),  # localization, IoU 0.4
        (1, 2, (0, 0, 10, 2), 0.8),  # both, IoU 0.2
        (1, 0, FAR, 0.3),  # background
        (3, 1, A, 0.95),  # background: image 3 has no true box
    )
    errors = find_errors(truth, found)
    assert errors.detection.tolist() == [6, 4, 3, 2, 1, 5]
    assert errors.kind.tolist() == ['background', *reversed(ERROR_KINDS[:4]), 'background']
    assert errors.truth.tolist() == [-1, 0, 1, 1, 0, -1]
    np.testing.assert_allclose(errors.iou, [0, 0.2, 0.4, 1, 0.8, 0])
    assert errors.missed.tolist() == [1, 2]  # 10 x 20 before 10 x 10


def test_first_kind_that_fits_wins_whatever_the_overlap():
    found = boxes((1, 0, A, 0.9), (1, 0, (0, 0, 10, 8), 0.8))
    truth = boxes((1, 0, A), (1, 1, (0, 0, 10, 8)))  # the second one lies exactly on a class 1
    errors = find_errors(truth, found)
    assert (errors.kind.tolist(), errors.truth.tolist()) == (['duplicate'], [0])
    truth = boxes((1, 0, (0, 0, 10, 30)), (1, 1, (0, 0, 10, 20)))  # IoU 1/3 and 1/2
    errors = find_errors(truth, boxes((1, 0, A, 0.9)))
    assert (errors.kind.tolist(), errors.truth.tolist()) == (['classification'], [1])


def test_detection_of_a_crowd_is_no_error_and_a_crowd_is_not_missed():
    truth = boxes((1, 0, (0, 0, 100, 100), 1.0, True))
    found = boxes((1, 0, A, 0.9), (1, 1, A, 0.8))
    errors = find_errors(truth, found)
    assert (errors.detection.tolist(), errors.kind.tolist()) == ([1], ['classification'])
    assert len(errors.missed) == 0


def test_only_confident_detections_count():
    truth, found = boxes((1, 0, A)), boxes((1, 0, A, 0.5), (1, 0, FAR, 0.5), (1, 0, FAR, 0.49))
    assert find_errors(truth, found, score_threshold=0.5).detection.tolist() == [1]
    assert find_errors(truth, found, score_threshold=0.51).missed.tolist() == [0]
    assert find_errors(truth, found, score_threshold=0.4).detection.tolist() == [1, 2]


def test_more_than_a_hundred_detections_of_an_image_all_count():
    found = boxes(*[(1, 0, FAR, 0.9)] * 150)
    assert find_errors(NONE, found).kind.tolist() == ['background'] * 150


def test_nothing_there():
    errors = find_errors(NONE, NONE)
    assert [len(errors.detection), len(errors.missed)] == [0, 0]
    assert find_errors(boxes((1, 0, A)), NONE).missed.tolist() == [0]


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('score_threshold', [0.0, 0.5])
def test_wrong_detections_and_kinds_are_those_of_the_rules(seed, score_threshold):
    truth, found = draw(seed)
    errors = find_errors(truth, found, score_threshold)
    counted = np.flatnonzero(found.score >= score_threshold)
    matches = match(truth, found[counted])
    wrong = set(counted[matches.detection[~matches.correct & ~matches.ignored]].tolist())
    assert set(errors.detection.tolist()) == wrong
    assert len(errors.detection) == len(wrong)
    assert (np.diff(found.score[errors.detection]) <= 0).all()
    for row, kind, iou in zip(errors.detection, errors.kind, errors.iou, strict=True):
        assert (kind, iou) == kind_by_hand(truth, found, row)
    assert ((errors.truth < 0) == (errors.kind == 'background')).all()
    named = errors.truth >= 0
    pairs = box_iou(found.xyxy, truth.xyxy, truth.crowd)[errors.detection, errors.truth]
    np.testing.assert_array_equal(pairs[named], errors.iou[named])
    right = matches.truth[matches.correct].tolist()
    assert sorted([*right, *errors.missed]) == np.flatnonzero(~truth.crowd).tolist()


@pytest.mark.parametrize('seed', range(5))
def test_verdicts_are_those_of_the_confusion_matrix(seed):
    truth, found = draw(seed)
    verdicts = judge_boxes(truth, found)
    matrix = confusion_matrix(truth, found, 3, score_threshold=-np.inf)
    right, wrong = found.label[verdicts.right], found.label[verdicts.wrong]
    correct = np.diag(matrix)[:3]
    assert np.bincount(right, minlength=3).tolist() == correct.tolist()
    assert np.bincount(wrong, minlength=3).tolist() == (matrix[:, :3].sum(0) - correct).tolist()
    missed = truth.label[verdicts.missed]
    assert np.bincount(missed, minlength=3).tolist() == matrix[:3, 3].tolist()
    assert 0 < len(wrong) < len(found)
    assert (~(verdicts.right | verdicts.wrong)).any()  # they lie in crowds


def test_images_on_which_runs_differ_most_come_first():
    truth = boxes((1, 0, A), (2, 0, A), (2, 0, B), (3, 0, A), (3, 0, B), (3, 0, FAR))
    good = boxes((1, 0, A), (2, 0, A), (2, 0, B))
    bad = boxes((1, 0, A))
    # errors of both: image 1 has 0 and 0, image 2 has 0 and 2, image 3 has 3 and 3
    assert choose_images(truth, [good, bad], [0.5, 0.5], count=3) == [2, 3, 1]
    assert choose_images(truth, [good, bad], [0.5, 0.5], count=1) == [2]
    assert choose_images(truth, [good], [0.5], count=9) == [3, 1, 2]


def test_equals_go_by_all_errors_and_then_by_id():
    truth = boxes((9, 0, A), (4, 0, A), (5, 0, A), (5, 0, B))
    one = boxes((9, 0, A), (4, 0, A), (5, 0, A))
    # errors: 9 and 4 have 0 and 1, image 5 has 1 and 2
    assert choose_images(truth, [one, NONE], [0, 0], count=9) == [5, 4, 9]


def test_each_run_is_cut_at_its_own_threshold():
    found = boxes((1, 0, FAR, 0.4), (2, 0, FAR, 0.6))
    assert choose_images(NONE, [found, found], [0.5, 0.7], count=9) == [2]
    assert choose_images(NONE, [found, found], [0.3, 0.5], count=9) == [1, 2]


def test_without_boxes_no_image_is_chosen():
    assert choose_images(NONE, [NONE, NONE], [0.5, 0.5], count=9) == []
    assert choose_images(boxes((1, 0, A)), [NONE], [0.5], count=0) == []


def brute_force(truth, found, classes, score_threshold):
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
            if overlap[f, t] >= 0.5
        ]:
            *_, f, t = max(pairs)
            matrix[truth.label[-t], found.label[-f]] += 1
            free.remove(-f)
            free_truth.remove(-t)
        for t in free_truth:
            matrix[truth.label[t], classes] += 1
        for f in free:
            if not (overlap[f, crowds] >= 0.5).any():
                matrix[classes, found.label[f]] += 1
    return matrix


def test_a_confusion_matrix_worked_by_hand():
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


def test_nothing_detected_or_nothing_there():
    truth = boxes((1, 0, A), (1, 1, B))
    assert confusion_matrix(NONE, NONE, 2).tolist() == [[0] * 3] * 3
    assert confusion_matrix(truth, NONE, 2).tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert confusion_matrix(NONE, truth, 2).tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0]]
    assert confusion_matrix(truth, truth, 2, score_threshold=1.1)[:, 2].tolist() == [1, 1, 0]


def test_crowd_is_not_counted_and_hides_what_lies_in_it():
    truth = boxes((1, 0, (0, 0, 100, 100), 1.0, True), (1, 1, A))
    found = boxes((1, 1, A, 0.9), (1, 1, B, 0.8), (1, 0, B, 0.8), (1, 0, (99, 0, 199, 99), 0.8))
    assert confusion_matrix(truth, found, 2).tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('classes', [1, 3])
@pytest.mark.parametrize('least', [0.0, 0.25])
def test_parity_with_picking_the_best_pair_again_and_again(seed, classes, least):
    truth, found = draw(seed, classes, grid=seed % 2 == 0)
    matrix = confusion_matrix(truth, found, classes, score_threshold=least)
    np.testing.assert_array_equal(matrix, brute_force(truth, found, classes, least))
