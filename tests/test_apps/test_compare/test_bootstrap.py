"""mAP50 on samples of the images, against images that are really repeated."""

import numpy as np
import pytest

from taco_plugin.apps.compare.bootstrap import draw_images, resampled_ap50
from taco_plugin.boxes import Boxes
from taco_plugin.evaluation.curves import precision_recall
from taco_plugin.evaluation.matching import match

LABELS = {1: 0, 2: 1, 3: 2, 4: 3}


def draw(seed):
    """Boxes in six images, and detections near them; class 2 has no boxes, a tenth are crowds."""
    random = np.random.default_rng(seed)

    def box():
        place, size = random.uniform(0, 60, 2), random.uniform(10, 40, 2)
        image, category = int(random.integers(6)), int(random.choice([1, 2, 4]))
        return {'image_id': image, 'category_id': category, 'bbox': [*place, *size]}

    annotations = [{**box(), 'iscrowd': int(random.random() < 0.1)} for _ in range(60)]
    near = [annotations[number] for number in random.integers(0, 60, 100)]
    found = [
        {**row, 'bbox': np.abs(np.array(row['bbox']) + random.normal(0, 4, 4)).tolist()}
        for row in near
    ]
    found += [box() for _ in range(50)]
    return annotations, [{**row, 'score': float(random.random())} for row in found]


def repeat_images(rows, counts):
    """Each image as often as its count says, under a new id each time."""
    return [
        {**row, 'image_id': 1000 * copy + row['image_id']}
        for copy in range(max(counts))
        for row in rows
        if counts[row['image_id']] > copy
    ]


@pytest.mark.parametrize('seed', range(5))
def test_it_is_the_score_of_images_that_are_repeated(seed):
    annotations, results = draw(seed)
    truth = Boxes.from_coco({'annotations': annotations}, LABELS)
    detections = Boxes.from_results(results, LABELS)
    counts = draw_images(6, 8, seed)
    assert (counts.sum(axis=0) == 6).all()
    counts[:, 0] = 1
    counts[:, 1] = [6, 0, 0, 0, 0, 0]
    scores = resampled_ap50(truth, detections, 4, images=list(range(6)), counts=counts)
    for sample, score in zip(counts.T.tolist(), scores, strict=True):
        repeated = match(
            Boxes.from_coco({'annotations': repeat_images(annotations, sample)}, LABELS),
            Boxes.from_results(repeat_images(results, sample), LABELS),
        )
        assert score == pytest.approx(np.nanmean(precision_recall(repeated, 4)), abs=1e-12)


def test_a_sample_without_true_boxes_has_no_score():
    annotations, results = draw(0)
    truth = Boxes.from_coco({'annotations': annotations}, LABELS)
    detections = Boxes.from_results(results, LABELS)
    counts = np.array([[0]] * 6 + [[6]])
    assert np.isnan(resampled_ap50(truth, detections, 4, images=[*range(7)], counts=counts)).all()
