import json

import numpy as np
import pytest

from taco_plugin.evaluation.record import SizeCounts
from taco_plugin.evaluation.taco_metric import TacoMetric

CLASSES = ('Can', 'Cup')


def test_four_boxes_worked_by_hand(tmp_path, write_coco, score, true_boxes, predicted):
    scores = score(write_coco(tmp_path / 'a.json', true_boxes), predicted)
    # Cups: precision 1/2 up to recall 1/3, which are 34 of COCO's 101 points of recall.
    cup = 34 * 0.5 / 101
    assert scores['coco/bbox_Can_AP'] == 1
    assert scores['coco/bbox_Cup_AP'] == pytest.approx(cup, abs=1e-9)
    assert scores['coco/bbox_mAP'] == pytest.approx((1 + cup) / 2, abs=1e-9)
    assert scores['coco/bbox_mAP_50'] == scores['coco/bbox_mAP_75'] == scores['coco/bbox_mAP']
    assert scores['coco/bbox_mAP_s'] == -1


@pytest.mark.parametrize('ids', [(1, 2), (2, 1), (9, 4)])
@pytest.mark.parametrize('categories', [('Can', 'Cup'), ('Cup', 'Can')])
def test_order_and_ids_of_the_file_change_nothing(
    tmp_path, ids, categories, write_coco, score, true_boxes, predicted
):
    expected = score(write_coco(tmp_path / 'a.json', true_boxes), predicted)
    path = write_coco(tmp_path / 'b.json', true_boxes, categories, ids)
    assert score(path, predicted) == expected
    assert score(None, predicted, {'classes': CLASSES}, ann_file=path) == expected


def test_own_file_is_read_by_the_taxonomy(tmp_path, write_coco, score, true_boxes, predicted):
    categories = ('Paper cup', 'Foam cup', 'Drink can')
    names = ['Drink can', 'Paper cup', 'Foam cup', 'Paper cup']
    boxes = [(image, name, box) for (image, _, box), name in zip(true_boxes, names, strict=True)]
    path = write_coco(tmp_path / 'own.json', boxes, categories, ids=(0, 1, 2))
    csv = tmp_path / 'two.csv'
    csv.write_text('category,class\nDrink can,Can\nPaper cup,Cup\nFoam cup,Cup\n')
    meta = {'classes': CLASSES, 'ann_file': path, 'taxonomy': str(csv)}
    prepared = write_coco(tmp_path / 'a.json', true_boxes)
    assert score(None, predicted, meta) == score(prepared, predicted)


def test_study_figures_worked_by_hand(ann_file, score):
    shifted = {1: [(0, 0.9, (0, 20, 40, 40))]}  # IoU 1/3
    scores = score(ann_file, shifted)
    assert scores['coco/bbox_mAP'] == scores['coco/bbox_study_map_50'] == 0
    # Of two classes and three thresholds, one is full.
    assert scores['coco/bbox_study_map'] == pytest.approx(1 / 6)
    assert scores['coco/bbox_study_mar_1'] == pytest.approx(1 / 6)
    assert scores['coco/bbox_study_map_medium'] == pytest.approx(1 / 6)
    assert scores['coco/bbox_study_map_small'] == scores['coco/bbox_study_mar_large'] == -1
    lower = score(ann_file, shifted, iou_thresholds=(0.3, 0.1))
    assert lower['coco/bbox_study_map'] == pytest.approx(1 / 2)
    assert lower['coco/bbox_study_map_50'] == -1


def test_sizes_at_the_input_worked_by_hand(ann_file, score):
    # At half the size the can is small; the cup of image 2 that is found stays medium.
    rows = {1: [(0, 0.9, (0, 0, 40, 40))], 2: [(1, 0.9, (0, 0, 40, 40))]}
    scores = score(ann_file, rows, scales={1: (0.5, 0.5), 2: np.array([0.25, 4])})
    half = 51 / 101  # precision 1 up to recall 1/2
    # Small are the can and a cup that is missed, medium the two cups of image 2.
    assert scores['coco/bbox_mAP_s_input'] == pytest.approx(1 / 2)
    assert scores['coco/bbox_mAP_m_input'] == pytest.approx(half)
    assert scores['coco/bbox_mAP_l_input'] == scores['coco/bbox_mAP_s'] == -1
    off = score(ann_file, rows, scales={1: (0.5, 0.5), 2: (1.0, 1.0)}, size_at_input=False)
    unknown = score(ann_file, rows)
    assert off == unknown == {key: v for key, v in scores.items() if not key.endswith('_input')}


def test_each_class_has_its_figures(tmp_path, write_coco, score, true_boxes):
    path = write_coco(tmp_path / 'a.json', true_boxes[1:])
    scores = score(path, {1: [(1, 0.7, (50, 50, 40, 40))], 2: [(1, 0.6, (0, 0, 40, 30))]})
    of_class = {key: v for key, v in scores.items() if 'Can' in key or 'Cup' in key}
    third, two_thirds = 34 / 101, 67 / 101
    assert of_class == {
        **dict.fromkeys((f'coco/bbox_Can_{name}' for name in ('AP', 'AP50', 'AR100')), -1),
        # The second cup is found up to IoU 0.75.
        'coco/bbox_Cup_AP': pytest.approx((6 * two_thirds + 4 * third) / 10),
        'coco/bbox_Cup_AP50': pytest.approx(two_thirds),
        'coco/bbox_Cup_AR100': pytest.approx((6 * 2 / 3 + 4 / 3) / 10),
    }
    without = score(path, {}, classwise=False)
    assert set(without) == set(scores) - set(of_class)
    assert all(type(value) is float for value in scores.values())


def test_the_evaluation_and_the_boxes_are_kept(ann_file, capsys, make_metric, predicted):
    metric = make_metric(ann_file, predicted, scales={1: (1.0, 1.0), 2: (3.0, 3.0)})
    assert metric.evaluation is None
    scores = metric.evaluate(size=2)
    done = metric.evaluation
    record = done.record
    assert (record.classes, record.ann_file) == (CLASSES, ann_file)
    assert record.boxes.truth_per_size.input == SizeCounts(small=0, medium=2, large=2)
    assert record.metrics['bbox'].coco['mAP'] == scores['coco/bbox_mAP']
    assert record.metrics['bbox'].study.map == scores['coco/bbox_study_map']
    assert done.image_sizes == {1: (100, 100), 2: (100, 100)}
    assert done.truth.label.tolist() == [0, 1, 1, 1]
    assert done.truth.xyxy[1].tolist() == [50, 50, 90, 90]
    assert done.detections.image.tolist() == [1, 1, 1]
    assert done.detections.label.tolist() == [0, 1, 1]
    assert done.detections.xyxy[1].tolist() == [0, 50, 40, 90]
    assert done.detections.score.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert metric.names == set(scores)
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('images', [(), (1,)])
def test_images_that_were_not_predicted_are_missed(ann_file, images, make_metric, score, predicted):
    metric = make_metric(ann_file, predicted, images=images)
    scores = metric.evaluate(size=len(images))
    full = score(ann_file, predicted)
    none = {name: min(value, 0.0) for name, value in full.items()}
    assert scores == (full if images else none)
    assert metric.evaluation.record.boxes.truth_per_class == (1, 3)


def test_ground_truth_of_the_samples(ann_file, make_sample, score, true_boxes, predicted):
    metric = TacoMetric()
    metric.dataset_meta = {'classes': CLASSES}
    for image in (1, 2):
        instances = [
            {'bbox': [x, y, x + w, y + h], 'bbox_label': CLASSES.index(name), 'ignore_flag': 0}
            for number, name, (x, y, w, h) in true_boxes
            if number == image
        ]
        sample = make_sample(image, predicted.get(image, []))
        metric.process({}, [{**sample, 'instances': instances}])
    assert metric.evaluate(size=2) == score(ann_file, predicted)
    metric.dataset_meta = {'classes': CLASSES}
    assert set(metric.evaluate(size=0).values()) == {-1.0}


def test_results_are_written(ann_file, tmp_path, score, predicted):
    prefix = str(tmp_path / 'out' / 'test')
    assert score(ann_file, predicted, outfile_prefix=prefix) == score(ann_file, predicted)
    written = tmp_path / 'out' / 'test.bbox.json'
    (can, _, cup) = json.loads(written.read_text())
    assert (can['image_id'], can['category_id'], can['bbox']) == (1, 1, [0, 0, 40, 40])
    assert (cup['category_id'], cup['score']) == (2, pytest.approx(0.7))
    assert score(ann_file, {}, format_only=True, outfile_prefix=prefix) == {}
    assert json.loads(written.read_text()) == []
