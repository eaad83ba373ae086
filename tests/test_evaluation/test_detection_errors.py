import numpy as np
import pytest

from taco_plugin.boxes import Boxes, box_iou
from taco_plugin.errors import InputError
from taco_plugin.evaluation.detection_errors import KINDS, confident_errors, image_errors
from taco_plugin.evaluation.matching import match


def boxes(*rows):
    """Boxes of (image, label, xyxy, score, crowd); the last two may be missing."""
    if not rows:
        return Boxes.from_results([], {})
    full = [(*row, *(1.0, False)[len(row) - 3 :]) for row in rows]
    return Boxes(*zip(*full, strict=True))


NONE = boxes()
A, B, FAR = (0, 0, 10, 10), (50, 50, 60, 70), (200, 200, 210, 210)


def draw(seed, crowds=0.15):
    """Ground truth and detections on a grid, so that many overlap and many scores are equal."""
    rng = np.random.default_rng(seed)

    def some(count, crowds):
        corner, size = rng.integers(0, 5, (count, 2)), rng.integers(1, 6, (count, 2))
        return Boxes(
            rng.integers(0, 4, count),
            rng.integers(0, 3, count),
            np.concatenate([corner, corner + size], axis=1),
            rng.integers(0, 11, count) / 10,
            rng.random(count) < crowds,
        )

    return some(25, crowds), some(40, 0)


def kind_by_hand(truth, found, row):
    """The rules one after the other, for a detection that is known to be wrong."""
    here = np.flatnonzero(truth.image == found.image[row])
    iou = box_iou(found.xyxy[[row]], truth.xyxy[here], truth.crowd[here])[0]
    same = truth.label[here] == found.label[row]
    for kind, fits in zip(
        KINDS,
        (
            (iou >= 0.5) & same,
            (iou >= 0.5) & ~same,
            (iou >= 0.1) & same,
            (iou >= 0.1) & ~same,
        ),
        strict=False,
    ):
        if fits.any():
            return kind, iou[fits].max()
    return 'background', 0


def test_one_of_each_kind_worked_by_hand():
    truth = boxes((1, 0, A), (1, 1, B), (2, 1, A))
    found = boxes(
        (1, 0, A, 0.9),  # correct
        (1, 0, (0, 0, 10, 8), 0.5),  # duplicate, IoU 0.8
        (1, 0, B, 0.6),  # confused with class 1
        (1, 1, (50, 50, 60, 58), 0.7),  # badly located, IoU 0.4
        (1, 2, (0, 0, 10, 2), 0.8),  # confused, badly located, IoU 0.2
        (1, 0, FAR, 0.3),  # background
        (3, 1, A, 0.95),  # background: image 3 has no true box
    )
    errors = confident_errors(truth, found)
    assert errors.found.tolist() == [6, 4, 3, 2, 1, 5]
    assert errors.kind.tolist() == [
        'background',
        'confused, badly located',
        'badly located',
        'confused',
        'duplicate',
        'background',
    ]
    assert errors.truth.tolist() == [-1, 0, 1, 1, 0, -1]
    np.testing.assert_allclose(errors.iou, [0, 0.2, 0.4, 1, 0.8, 0])
    assert errors.missed.tolist() == [1, 2]  # 10 x 20 before 10 x 10


def test_overlap_of_a_tenth_is_badly_located_and_less_is_background():
    found = boxes((1, 0, (0, 0, 10, 1), 0.9), (1, 0, (0, 0, 10, 0.99), 0.8))
    assert confident_errors(boxes((1, 0, A)), found).kind.tolist() == [
        'badly located',
        'background',
    ]


def test_first_kind_that_fits_wins_whatever_the_overlap():
    found = boxes((1, 0, A, 0.9), (1, 0, (0, 0, 10, 8), 0.8))
    truth = boxes((1, 0, A), (1, 1, (0, 0, 10, 8)))  # the second one lies exactly on a class 1
    errors = confident_errors(truth, found)
    assert (errors.kind.tolist(), errors.truth.tolist()) == (['duplicate'], [0])
    truth = boxes((1, 0, (0, 0, 10, 30)), (1, 1, (0, 0, 10, 20)))  # IoU 1/3 and 1/2
    errors = confident_errors(truth, boxes((1, 0, A, 0.9)))
    assert (errors.kind.tolist(), errors.truth.tolist()) == (['confused'], [1])


def test_of_several_boxes_the_most_overlapped_one_is_named():
    truth = boxes((1, 1, (0, 0, 10, 8)), (1, 2, (0, 0, 10, 9)), (1, 1, (0, 0, 10, 7)))
    errors = confident_errors(truth, boxes((1, 0, A, 0.9)))
    assert (errors.kind.tolist(), errors.truth.tolist()) == (['confused'], [1])
    assert errors.iou.tolist() == [0.9]


def test_confused_even_if_the_box_is_found_by_another_detection():
    found = boxes((1, 0, A, 0.9), (1, 1, A, 0.8))
    errors = confident_errors(boxes((1, 0, A)), found)
    assert (errors.found.tolist(), errors.kind.tolist()) == ([1], ['confused'])
    assert len(errors.missed) == 0


def test_detection_of_a_crowd_is_no_error_and_a_crowd_is_not_missed():
    truth = boxes((1, 0, (0, 0, 100, 100), 1.0, True))
    found = boxes((1, 0, A, 0.9), (1, 1, A, 0.8))
    errors = confident_errors(truth, found)
    assert (errors.found.tolist(), errors.kind.tolist()) == ([1], ['confused'])
    assert len(errors.missed) == 0
    assert image_errors(truth, found[:1]).f1.tolist() == [1]


def test_only_confident_detections_count():
    truth, found = boxes((1, 0, A)), boxes((1, 0, A, 0.5), (1, 0, FAR, 0.5), (1, 0, FAR, 0.49))
    assert confident_errors(truth, found, score_threshold=0.5).found.tolist() == [1]
    assert confident_errors(truth, found, score_threshold=0.51).missed.tolist() == [0]
    assert confident_errors(truth, found, score_threshold=0.4).found.tolist() == [1, 2]


def test_more_than_a_hundred_detections_of_an_image_all_count():
    found = boxes(*[(1, 0, FAR, 0.9)] * 150)
    assert confident_errors(NONE, found).kind.tolist() == ['background'] * 150
    assert image_errors(NONE, found).background.tolist() == [150]


def test_nothing_there():
    errors = confident_errors(NONE, NONE)
    assert [len(errors.found), len(errors.missed)] == [0, 0]
    assert len(image_errors(NONE, NONE).image) == 0
    assert confident_errors(boxes((1, 0, A)), NONE).missed.tolist() == [0]


@pytest.mark.parametrize('seed', range(12))
@pytest.mark.parametrize('score_threshold', [0.0, 0.5])
def test_wrong_detections_and_kinds_are_those_of_the_rules(seed, score_threshold):
    truth, found = draw(seed)
    errors = confident_errors(truth, found, score_threshold)
    counted = np.flatnonzero(found.score >= score_threshold)
    matches = match(truth, found[counted])
    wrong = set(counted[matches.found[~matches.correct & ~matches.ignored]].tolist())
    assert set(errors.found.tolist()) == wrong
    assert len(errors.found) == len(wrong)
    assert (np.diff(found.score[errors.found]) <= 0).all()
    for row, kind, iou in zip(errors.found, errors.kind, errors.iou, strict=True):
        assert (kind, iou) == kind_by_hand(truth, found, row)
    assert ((errors.truth < 0) == (errors.kind == 'background')).all()
    named = errors.truth >= 0
    pairs = box_iou(found.xyxy, truth.xyxy, truth.crowd)[errors.found, errors.truth]
    np.testing.assert_array_equal(pairs[named], errors.iou[named])


@pytest.mark.parametrize('seed', range(12))
def test_missed_and_found_are_all_true_boxes(seed):
    truth, found = draw(seed)
    errors = confident_errors(truth, found)
    counted = found[found.score >= 0.25]
    matches = match(truth, counted)
    right = matches.truth[matches.correct].tolist()
    assert sorted([*right, *errors.missed]) == np.flatnonzero(~truth.crowd).tolist()


@pytest.mark.parametrize('seed', range(12))
def test_counts_of_images_add_up(seed):
    truth, found = draw(seed)
    errors, images = confident_errors(truth, found), image_errors(truth, found)
    for row, image in enumerate(images.image):
        here = errors.kind[found.image[errors.found] == image]
        assert images.confused[row] == (here == 'confused').sum()
        assert images.background[row] == (here != 'confused').sum()
        assert images.missed[row] == (truth.image[errors.missed] == image).sum()
        true = ((truth.image == image) & ~truth.crowd).sum()
        assert images.correct[row] + images.missed[row] == true
    assert images.errors.sum() == len(errors.found) + len(errors.missed)


def test_images_from_the_worst_to_the_best():
    truth = boxes((9, 0, A), (5, 0, A), (5, 0, B), (3, 0, A), (2, 0, A), (7, 0, A), (7, 0, B))
    found = boxes(
        (9, 0, A, 0.9),  # all right: F1 = 1
        (5, 0, A, 0.9),  # 1 right, 1 missed: 1 error, F1 = 2/3
        (3, 1, A, 0.9),  # a confusion: 2 errors
        (1, 0, FAR, 0.9),  # nothing there: 1 error, F1 = 0
        (7, 0, FAR, 0.9),  # 3 errors
    )  # 2: missed, 1 error, F1 = 0
    images = image_errors(truth, found)
    assert images.image.tolist() == [7, 3, 1, 2, 5, 9]
    assert images.errors.tolist() == [3, 2, 1, 1, 1, 0]
    np.testing.assert_allclose(images.f1, [0, 0, 0, 0, 2 / 3, 1])
    assert images.correct.tolist() == [0, 0, 0, 0, 1, 1]
    assert images.missed.tolist() == [2, 1, 0, 1, 1, 0]
    assert images.confused.tolist() == [0, 1, 0, 0, 0, 0]
    assert images.background.tolist() == [1, 0, 1, 0, 0, 0]


def test_iou_threshold_moves_the_border():
    truth, found = boxes((1, 0, A)), boxes((1, 0, (0, 0, 10, 6), 0.9))
    assert len(confident_errors(truth, found, iou_threshold=0.6).found) == 0
    assert confident_errors(truth, found, iou_threshold=0.7).kind.tolist() == ['badly located']
    assert image_errors(truth, found, iou_threshold=0.7).missed.tolist() == [1]
    for function in (confident_errors, image_errors):
        with pytest.raises(InputError, match=r'iou_threshold must be in \(0, 1\], but is 2'):
            function(truth, found, iou_threshold=2)
