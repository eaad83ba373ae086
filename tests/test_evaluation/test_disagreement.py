import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation.confusion import confusion_matrix
from taco_plugin.evaluation.disagreement import choose_images, judge_boxes


def boxes(*rows):
    """Boxes of (image, label, xyxy, score, crowd); the last two may be missing."""
    if not rows:
        return Boxes.from_results([], {})
    return Boxes(*zip(*[(*row, *(1.0, False)[len(row) - 3 :]) for row in rows], strict=True))


NONE = boxes()
A, B, FAR = (0, 0, 10, 10), (50, 50, 60, 70), (200, 200, 210, 210)


def draw(seed, crowds):
    """Boxes on a grid, so that many overlap and many are equal."""
    rng = np.random.default_rng(seed)
    corner, size = rng.integers(0, 3, (40, 2)), rng.integers(1, 6, (40, 2))
    return Boxes(
        rng.integers(0, 4, 40),
        rng.integers(0, 3, 40),
        np.concatenate([corner, corner + size], axis=1),
        rng.integers(0, 11, 40) / 10,
        rng.random(40) < crowds,
    )


def test_one_of_each_verdict_worked_by_hand():
    truth = boxes((1, 0, A), (1, 1, B), (1, 0, FAR), (2, 0, A))
    found = boxes((1, 0, (0, 0, 10, 9)), (1, 0, A), (1, 0, B), (2, 0, FAR), (3, 0, A))
    verdicts = judge_boxes(truth, found)
    assert verdicts.right.tolist() == [False, True, False, False, False]
    assert verdicts.wrong.tolist() == [True, False, True, True, True]
    assert verdicts.missed.tolist() == [False, False, True, True]


def test_crowds_are_not_missed_and_what_they_match_is_not_judged():
    truth = boxes((1, 0, (0, 0, 100, 100), 1.0, True), (1, 0, FAR, 1.0, True))
    verdicts = judge_boxes(truth, boxes((1, 0, A), (1, 1, B)))
    assert not verdicts.right.any()
    assert not verdicts.wrong.any()
    assert not verdicts.missed.any()


@pytest.mark.parametrize('seed', range(20))
def test_verdicts_are_those_of_the_confusion_matrix(seed):
    truth, found = draw(seed, crowds=0.15), draw(seed + 100, crowds=0)
    verdicts = judge_boxes(truth, found)
    matrix = confusion_matrix(truth, found, 3, score_threshold=-np.inf)
    count = [
        np.bincount(labels, minlength=3)
        for labels in (
            found.label[verdicts.right],
            found.label[verdicts.wrong],
            truth.label[verdicts.missed],
        )
    ]
    right = np.diag(matrix)[:3]
    assert count[0].tolist() == right.tolist()
    assert count[1].tolist() == (matrix[:, :3].sum(axis=0) - right).tolist()
    assert count[2].tolist() == matrix[:3, 3].tolist()
    assert 0 < count[0].sum() < len(found)


def test_images_on_which_runs_differ_most_come_first():
    truth = boxes((1, 0, A), (2, 0, A), (2, 0, B), (3, 0, A), (3, 0, B), (3, 0, FAR))
    good = boxes((1, 0, A), (2, 0, A), (2, 0, B))
    bad = boxes((1, 0, A))
    # errors of both: image 1 has 0 and 0, image 2 has 0 and 2, image 3 has 3 and 3
    assert choose_images(truth, [good, bad], [0.5, 0.5], 3) == [2, 3, 1]
    assert choose_images(truth, [good, bad], [0.5, 0.5], 1) == [2]


def test_equals_go_by_all_errors_and_then_by_id():
    truth = boxes((9, 0, A), (4, 0, A), (5, 0, A), (5, 0, B))
    one = boxes((9, 0, A), (4, 0, A), (5, 0, A))
    # errors: 9 and 4 have 0 and 1, image 5 has 1 and 2
    assert choose_images(truth, [one, NONE], [0, 0], 9) == [5, 4, 9]


def test_one_run_shows_its_images_with_most_errors():
    truth = boxes((1, 0, A), (2, 0, A), (2, 0, B))
    assert choose_images(truth, [boxes((3, 0, A), (1, 0, A))], [0.5], 9) == [2, 3, 1]


def test_each_run_is_cut_at_its_own_threshold():
    found = boxes((1, 0, FAR, 0.4), (2, 0, FAR, 0.6))
    assert choose_images(NONE, [found, found], [0.5, 0.7], 9) == [2]
    assert choose_images(NONE, [found, found], [0.3, 0.5], 9) == [1, 2]
    assert choose_images(NONE, [found, found], [0.4, 0.6], 9) == [1, 2]


def test_without_boxes_no_image_is_chosen():
    assert choose_images(NONE, [NONE, NONE], [0.5, 0.5], 9) == []
    assert choose_images(boxes((1, 0, A)), [NONE], [0.5], 0) == []


@pytest.mark.parametrize(
    ('founds', 'thresholds', 'count', 'message'),
    [
        ([], [], 1, 'but there are 0 and 0'),
        ([NONE], [0.5, 0.5], 1, 'but there are 1 and 2'),
        ([NONE], [0.5], -1, 'count must be >= 0, but is -1'),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(founds, thresholds, count, message):
    with pytest.raises(InputError, match=message):
        choose_images(NONE, founds, thresholds, count)
