import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation.counts import CountError, CountErrors, compare_counts, count_boxes
from taco_plugin.evaluation.record_table import format_record


def evaluate(make_metric, ann_file, predictions, images=(1, 2)):
    metric = make_metric(ann_file, predictions, images=images)
    metric.evaluate(size=len(images))
    return metric.evaluation


def test_errors_of_four_boxes_worked_by_hand(make_metric, ann_file, predicted):
    """A second can that is not one would lower F1, so that the threshold is above its score."""
    found = evaluate(make_metric, ann_file, {**predicted, 2: [(0, 0.1, (0, 0, 40, 40))]})
    assert found.threshold == found.record.curves.best_threshold == 0.101
    assert found.counts.tolist() == [[[1, 1], [0, 2]], [[1, 2], [0, 0]]]
    cups = CountError(true=3, detected=2, mae=1.5, bias=-0.5)
    assert found.record.count_errors == CountErrors(
        total=CountError(true=4, detected=3, mae=1.5, bias=-0.5),
        per_class=(CountError(true=1, detected=1, mae=0.0, bias=0.0), cups),
    )
    line = 'counts at confidence 0.101: 4 true boxes, 3 detected, per image MAE 1.50, bias -0.50'
    assert format_record(found.record).splitlines()[1] == line


def test_an_image_without_boxes_counts_as_zero(make_metric, write_coco, tmp_path, predicted):
    path = write_coco(tmp_path / 'b.json', [(1, 'Can', (0, 0, 40, 40))], images=(1, 2, 3, 4))
    found = evaluate(make_metric, path, {3: [(0, 0.9, (0, 0, 40, 40))]}, images=(1, 2, 3, 4))
    assert found.counts[:, :, 0].tolist() == [[1, 0, 0, 0], [0, 0, 1, 0]]
    assert found.record.count_errors.total == CountError(1, 1, mae=0.5, bias=0.0)


def test_neither_crowds_nor_detections_of_them_count(make_metric, ann_file, predicted):
    """As in COCO, a crowd of cups hides no can, and no cup that matches a single one."""
    coco = json.loads(Path(ann_file).read_text())
    crowd = {'id': 9, 'image_id': 2, 'category_id': 2, 'bbox': [40, 40, 60, 60], 'area': 3600}
    coco['annotations'].append({**crowd, 'iscrowd': 1})
    Path(ann_file).write_text(json.dumps(coco))
    inside, single, outside = (60, 60, 30, 30), (50, 50, 40, 40), (0, 0, 40, 40)
    rows = [(1, 0.9, inside), (0, 0.9, inside), (1, 0.9, single), (1, 0.9, outside)]
    found = evaluate(make_metric, ann_file, {**predicted, 2: rows})
    assert found.counts.tolist() == [[[1, 1], [0, 2]], [[1, 2], [1, 2]]]
    assert found.counts[1].sum() == len(found.detections) - 1


def test_without_ground_truth_there_is_no_error(make_metric, write_coco, tmp_path, predicted):
    found = evaluate(make_metric, write_coco(tmp_path / 'b.json', []), predicted)
    assert (found.record.curves, found.record.count_errors, found.threshold) == (None, None, 0.25)
    assert found.counts.tolist() == [[[0, 0], [0, 0]], [[1, 2], [0, 0]]]
    assert 'counts at' not in format_record(found.record)


def test_boxes_of_another_image_or_class_are_refused():
    box = {'image_id': 7, 'category_id': 1, 'bbox': [0, 0, 9, 9], 'score': 0.1}
    boxes = Boxes.from_results([box], {1: 2})
    with pytest.raises(InputError, match='boxes has the image 7, which image_ids lacks'):
        count_boxes(boxes, [1, 2], num_classes=3, threshold=0.5)
    with pytest.raises(InputError, match=r'boxes has the label 2 of 0\.\.1'):
        count_boxes(boxes, [7], num_classes=2)


@given(st.data(), st.tuples(st.integers(1, 9), st.integers(1, 5)))
def test_errors_add_up(data, shape):
    true, detected = (data.draw(arrays(np.int64, shape, elements=st.integers(0, 99))) for _ in 'ab')
    errors = compare_counts(true, detected)
    rows = errors.per_class
    for one in (errors.total, *rows):
        assert one.bias * len(true) == pytest.approx(one.detected - one.true)
        assert one.mae >= abs(one.bias)
    assert errors.total.bias == pytest.approx(sum(row.bias for row in rows))
    assert errors.total.mae <= sum(row.mae for row in rows) + 1e-9
    assert (errors.total.true, errors.total.detected) == (true.sum(), detected.sum())
