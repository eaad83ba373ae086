import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation.matching import match

LABELS = {1: 0, 2: 1, 3: 2, 4: 3}
IMAGES = (30, 4, 17, 900, 5)


def make(rows, image=1):
    """Ground truth of one image and class: (xywh) or (xywh, crowd)."""
    annotations = [
        {'image_id': image, 'category_id': 1, 'bbox': row[:4], 'iscrowd': row[4:] == (1,)}
        for row in rows
    ]
    return Boxes.from_coco({'annotations': annotations}, LABELS)


def find(rows, image=1):
    """Detections of one image and class: (score, xywh)."""
    results = [
        {'image_id': image, 'category_id': 1, 'bbox': row[1:], 'score': row[0]} for row in rows
    ]
    return Boxes.from_results(results, LABELS)


def draw(seed, images=IMAGES, truths=60, detections=120):
    """Annotations and results on a grid, with ties in scores and in overlaps.

    The last of the four classes has no ground truth.
    """
    rng = np.random.default_rng(seed)

    def boxes(count, classes):
        return [
            {
                'image_id': int(rng.choice(images)),
                'category_id': int(rng.integers(1, classes + 1)),
                'bbox': [*rng.integers(0, 5, 2).tolist(), *rng.integers(2, 7, 2).tolist()],
            }
            for _ in range(count)
        ]

    annotations = [
        {**box, 'id': number, 'area': np.prod(box['bbox'][2:]), 'iscrowd': int(rng.random() < 0.2)}
        for number, box in enumerate(boxes(truths, 3), start=1)
    ]
    results = [{**box, 'score': int(rng.integers(11)) / 10} for box in boxes(detections, 4)]
    return annotations, results


def reference(run_pycocotools, annotations, results, iou_threshold=0.5, max_per_image=100):
    """What pycocotools matches: row of each detection -> (row of truth or None, ignored)."""
    coco = {
        'images': [{'id': image} for image in IMAGES],
        'categories': [{'id': number} for number in LABELS],
        'annotations': annotations,
    }
    limits = {'maxDets': [max_per_image], 'areaRng': [[0, 1e10]]}
    evaluation = run_pycocotools(coco, results, iou=[iou_threshold], **limits)
    return {
        number - 1: (int(matched) - 1 if matched else None, bool(ignored))
        for image in evaluation.evalImgs
        if image
        for number, matched, ignored in zip(
            image['dtIds'], image['dtMatches'][0], image['dtIgnore'][0], strict=True
        )
    }


def as_dict(matches):
    columns = (matches.detection, matches.truth, matches.ignored)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {row: (truth if truth >= 0 else None, ignored) for row, truth, ignored in rows}


def test_four_boxes_worked_by_hand():
    truth = make([(0, 0, 10, 10), (20, 0, 10, 10), (0, 20, 40, 10, 1)])
    found = find(
        [
            (0.6, 0, 0, 10, 10),  # its box is taken by a more confident detection
            (0.9, 0, 0, 10, 8),  # IoU 0.8
            (0.7, 25, 0, 10, 10),  # IoU 1/3
            (0.5, 0, 18, 10, 10),  # 0.8 of it in the crowd
            (0.4, 30, 20, 10, 10),  # all of it in the crowd
        ]
    )
    matches = match(truth, found)
    assert matches.detection.tolist() == [1, 2, 0, 3, 4]
    assert matches.score.tolist() == [0.9, 0.7, 0.6, 0.5, 0.4]
    assert matches.truth.tolist() == [0, -1, -1, 2, 2]
    assert matches.correct.tolist() == [True, False, False, False, False]
    assert matches.ignored.tolist() == [False, False, False, True, True]
    assert matches.truth_label.tolist() == [0, 0]
    assert match(truth, found, iou_threshold=1 / 3).correct.tolist() == [True, True] + [False] * 3


def test_rounding_does_not_forbid_an_overlap_of_1():
    found = find([(0.9, 0, 0, 10, 10 - 1e-10), (0.8, 0, 0, 10, 9.999)])
    truth = make([(0, 0, 10, 10), (0, 0, 10, 10)])
    assert match(truth, found, iou_threshold=1.0).correct.tolist() == [True, False]


def test_other_class_and_other_image_do_not_match():
    found = find([(0.9, 0, 0, 10, 10)])
    truth = make([(0, 0, 10, 10)])
    assert match(truth, found).correct.tolist() == [True]
    assert match(make([(0, 0, 10, 10)], image=2), found).correct.tolist() == [False]
    other = Boxes(truth.image, truth.label + 1, truth.xyxy, truth.score, truth.crowd)
    assert match(other, found).correct.tolist() == [False]


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize(
    'options',
    [{}, {'iou_threshold': 0.75}, {'iou_threshold': 1.0}, {'max_per_image': 2}],
    ids=str,
)
def test_parity_with_pycocotools(seed, options, run_pycocotools):
    annotations, results = draw(seed)
    truth = Boxes.from_coco({'annotations': annotations}, LABELS)
    expected = reference(run_pycocotools, annotations, results, **options)
    assert as_dict(match(truth, Boxes.from_results(results, LABELS), **options)) == expected
    kinds = {(matched is not None, ignored) for matched, ignored in expected.values()}
    assert options or kinds == {(True, False), (True, True), (False, False)}


def test_parity_with_more_than_100_detections_in_the_only_image(run_pycocotools):
    annotations, results = draw(0, images=IMAGES[:1], detections=500)
    found = Boxes.from_results(results, LABELS)
    assert np.bincount(found.label).max() > 100
    matches = match(Boxes.from_coco({'annotations': annotations}, LABELS), found)
    assert np.bincount(matches.label).max() == 100
    assert as_dict(matches) == reference(run_pycocotools, annotations, results)


def test_no_truth_and_no_detections():
    nothing, box = make([]), find([(0.9, 0, 0, 10, 10)])
    assert match(nothing, box).correct.tolist() == [False]
    assert len(match(make([(0, 0, 10, 10)]), nothing).detection) == 0
    assert len(match(nothing, nothing).detection) == 0


def test_bad_arguments_are_refused():
    nothing = make([])
    for threshold in (0, -0.5, 1.5, float('nan')):
        with pytest.raises(InputError, match=r'iou_threshold must be in \(0, 1\], but is'):
            match(nothing, nothing, iou_threshold=threshold)
