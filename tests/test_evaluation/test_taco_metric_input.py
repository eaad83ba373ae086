import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.logging import MMLogger

from taco_plugin.errors import InputError
from taco_plugin.evaluation.detections import drop_not_finite
from taco_plugin.evaluation.taco_metric import TacoMetric

CLASSES = ('Can', 'Cup')


def test_other_classes_are_refused_with_both_lists(tmp_path, write_coco, score, predicted):
    path = write_coco(tmp_path / 'a.json', [], ('Tin', 'Cup'))
    with pytest.raises(InputError, match=r"\['Tin', 'Cup'\], are not the classes \['Can', 'Cup'\]"):
        score(path, predicted)


def test_detections_that_are_not_finite_are_left_out_and_counted(ann_file, caplog, score):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    right, nan = (0, 0.9, (0, 0, 40, 40)), float('nan')
    wrong = [(0, nan, (0, 0, 40, 40)), (0, 0.95, (0, 0, nan, 40))]
    assert score(ann_file, {1: [wrong[0], right, wrong[1]]}) == score(ann_file, {1: [right]})
    logger.removeHandler(caplog.handler)
    warnings = [record for record in caplog.records if record.levelname == 'WARNING']
    assert [record.getMessage()[:28] for record in warnings] == ['2 detections are not finite ']
    masks = [{'size': [1, 1], 'counts': text} for text in 'ab']
    row = {'bboxes': np.array([[0, 0, np.nan, 1], [0, 0, 1, 1]]), 'masks': masks}
    row |= {'img_id': 7, 'scores': np.array([0.5, 0.25]), 'labels': np.array([1, 0])}
    (kept,) = drop_not_finite([row], logger)
    assert (kept['masks'], len(row['masks'])) == (masks[1:], 2)
    assert (kept['labels'].tolist(), kept['scores'].tolist()) == ([0], [0.25])


def test_predictions_of_unknown_classes_are_refused(ann_file, score):
    with pytest.raises(InputError, match=r'detections has the label 2 of 0\.\.1'):
        score(ann_file, {1: [(2, 0.5, (0, 0, 40, 40))]})


def test_a_box_that_ends_before_it_begins_is_wrong(ann_file, score):
    right = (0, 0.9, (0, 0, 40, 40))
    scores = score(ann_file, {1: [(0, 0.95, (40, 40, -40, -40)), right]})
    assert scores['coco/bbox_Can_AP'] == scores['coco/bbox_Can_AP50'] == 1 / 2


def test_a_file_without_areas_is_refused(ann_file, tmp_path, score, predicted):
    coco = json.loads(Path(ann_file).read_text())
    coco['annotations'][1].pop('area')
    path = tmp_path / 'b.json'
    path.write_text(json.dumps(coco))
    with pytest.raises(InputError, match='area must be a finite number, but annotation 1 has None'):
        score(str(path), predicted)


def test_predictions_of_unknown_images_are_refused(ann_file, make_sample, make_metric, predicted):
    metric = make_metric(ann_file, {})
    metric.process({}, [make_sample(7, predicted[1])])
    with pytest.raises(
        InputError, match='image_id must be of the 2 images of the truth, but result 0 .* 7'
    ):
        metric.evaluate(size=3)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'metric': 'proposal'}, r"of \['bbox', 'segm'\], but is proposal; CocoMetric scores prop"),
        ({'metric': []}, 'metric must be of'),
        ({'use_mp_eval': True}, 'use_mp_eval has no effect on TacoMetric; leave it out'),
        ({'sort_categories': True}, 'sort_categories has no effect'),
        ({'format_only': True}, 'format_only needs an outfile_prefix'),
        ({'metric_items': ['mAP', 'AR@7']}, r"metric_items must be of .* but has \['AR@7'\]"),
        (
            {'proposal_nums': (1, 10, 50)},
            'max_detections must be three numbers with 100 among them',
        ),
        ({'iou_thrs': [0.5, 2]}, r'iou must be thresholds in \(0, 1\]'),
        ({'iou_thresholds': [0]}, r'study_iou must be thresholds in \(0, 1\]'),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        TacoMetric(**arguments)


def test_segm_needs_masks(ann_file, score, predicted):
    with pytest.raises(InputError, match='segmentation must not be empty, but annotation 0'):
        score(ann_file, {}, metric='segm')
    with pytest.raises(InputError, match='needs masks, but the detections in image 1 have none'):
        score(ann_file, predicted, metric=['bbox', 'segm'])
