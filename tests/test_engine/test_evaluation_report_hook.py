import csv
import json
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmdet.datasets import ConcatDataset, MultiImageMixDataset
from mmengine.dataset import RepeatDataset
from mmengine.logging import MMLogger
from mmengine.visualization import TensorboardVisBackend
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import Subset

from taco_plugin.engine import EvaluationReportHook
from taco_plugin.evaluation.detections import read_evaluated_boxes
from taco_plugin.evaluation.record import EvaluatedRun, read_record
from taco_plugin.evaluation.taco_metric import TacoMetric
from taco_plugin.visualization import evaluation_report

CLASSES = ('Can', 'Cup')
WHICH = ('true', 'detected')
FIGURES = {
    *('score_curves', 'precision_recall', 'class_counts'),
    *('confusion_matrix', 'confusion_matrix_normalised', 'count_errors'),
}


class OtherBackend:
    """As TensorBoard's, it keeps pictures."""

    def __init__(self) -> None:
        self.pictures = {}
        self.scalars = {}

    def add_scalars(self, scalars: dict[str, float], step: int) -> None:
        self.scalars |= scalars

    def add_image(self, name: str, image: np.ndarray, step: int) -> None:
        self.pictures[name] = image, step


def evaluate(ann_file, count=1, **settings) -> TacoMetric:
    metric = TacoMetric(**settings)
    palette = [(230, 159, 0), (86, 180, 233)]
    metric.dataset_meta = {'classes': CLASSES, 'palette': palette, 'ann_file': ann_file}
    for number, rows in ((1, count), (2, 0)):
        detections = {
            'bboxes': torch.tensor([[10.0, 10, 40, 40]])[:rows],
            'scores': torch.tensor([0.75])[:rows],
            'labels': torch.tensor([0])[:rows],
        }
        sample = {'img_id': number, 'ori_shape': (100, 100), 'scale_factor': (2.0, 2.0)}
        metric.process({}, [{**sample, 'pred_instances': detections}])
    metric.evaluate(size=2)
    return metric


@pytest.fixture
def runner(tmp_path):
    """Has evaluated: a can that was found in one of two images, and a cup that was missed."""
    boxes = [(1, 1, [10, 10, 30, 30]), (2, 2, [50, 50, 30, 30])]
    ann_file = tmp_path / 'test.json'
    images = [{'id': n, 'file_name': f'{n}.png', 'width': 100, 'height': 100} for n in (1, 2)]
    annotations = [
        {'id': n, 'image_id': image, 'category_id': label, 'bbox': box, 'area': 900, 'iscrowd': 0}
        for n, (image, label, box) in enumerate(boxes, 1)
    ]
    categories = [{'id': n, 'name': name} for n, name in enumerate(CLASSES, 1)]
    ann_file.write_text(
        json.dumps({'images': images, 'annotations': annotations, 'categories': categories})
    )
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.full((100, 100, 3), 90, np.uint8))
    metric = evaluate(str(ann_file))
    infos = [{'img_id': n, 'img_path': str(tmp_path / f'{n}.png')} for n in (1, 2)]
    dataset = type('Images', (), {'get_data_info': infos.__getitem__, '__len__': lambda _: 2})()
    dataset.data_prefix = {'img': f'{tmp_path}/'}
    evaluator = SimpleNamespace(metrics=[object(), metric])
    return SimpleNamespace(
        val_evaluator=evaluator,
        test_evaluator=evaluator,
        test_dataloader=SimpleNamespace(dataset=dataset),
        visualizer=SimpleNamespace(_vis_backends={'other': OtherBackend()}),
        logger=MMLogger.get_current_instance(),
        log_dir=str(tmp_path / 'run'),
        epoch=3,
        iter=30,
        _load_from='best.pth',
    )


def test_a_validation_is_recorded_and_drawn(runner, tmp_path):
    scalars = tmp_path / 'run' / 'vis_data' / 'scalars.json'
    scalars.parent.mkdir(parents=True)
    rows = [{'loss': 2.0, 'epoch': 1, 'iter': 9, 'step': 9}, {'coco/bbox_mAP': 0.5, 'step': 1}]
    scalars.write_text('\n'.join(map(json.dumps, rows)))
    EvaluationReportHook().after_val_epoch(runner)
    record = read_record(tmp_path / 'run' / 'evaluations' / 'val_3.json')
    assert record.classes == CLASSES
    assert record.metrics['bbox'].per_class.AP50 == (1, 0)
    time = datetime.fromisoformat(record.run.time)
    assert abs((datetime.now().astimezone() - time).total_seconds()) < 60
    assert record.run == EvaluatedRun('val_3', 3, 30, None, record.run.time)
    assert record.curves.precision == (0.5,) * 101
    assert record.curves.best_f1 == 0.5
    written = {path.stem for path in (tmp_path / 'run' / 'figures' / 'val').iterdir()}
    assert written == {*FIGURES, 'training'}
    shown = runner.visualizer._vis_backends['other'].pictures
    assert set(shown) == {f'val/{name}' for name in written}
    picture, step = shown['val/class_counts']
    assert step == 3
    drawn = cv2.imread(str(tmp_path / 'run' / 'figures' / 'val' / 'class_counts.png'))
    assert np.array_equal(picture, drawn[..., ::-1])


def test_a_test_also_shows_images(runner, tmp_path):
    EvaluationReportHook(images=1).after_test_epoch(runner, {'coco/bbox_mAP': 0.5})
    assert runner.visualizer._vis_backends['other'].scalars == {'test/coco/bbox_mAP': 0.5}
    record = read_record(tmp_path / 'run' / 'evaluations' / 'test.json')
    assert record.run == EvaluatedRun('test', None, 30, 'best.pth', record.run.time)
    kept = read_evaluated_boxes(tmp_path / 'run' / 'evaluations' / 'test.npz')
    assert kept.paths == {n: str(tmp_path / f'{n}.png') for n in (1, 2)}
    assert kept.truth.xyxy.tolist() == [[10, 10, 40, 40], [50, 50, 80, 80]]
    assert kept.sizes == {1: (100, 100), 2: (100, 100)}
    assert kept.detections.score.tolist() == [0.75]
    text = (tmp_path / 'run' / 'evaluations' / 'test_counts.csv').read_text()
    assert list(csv.reader(text.splitlines())) == [
        ['image', *(f'{which}: {name}' for name in ('all classes', *CLASSES) for which in WHICH)],
        ['1.png', '1', '1', '1', '1', '0', '0'],
        ['2.png', '1', '0', '0', '0', '1', '0'],
    ]
    folder = tmp_path / 'run' / 'figures' / 'test'
    assert {path.stem for path in folder.iterdir()} == {*FIGURES, 'worst_images', 'errors'}
    worst = cv2.imread(str(folder / 'worst_images.jpg'))
    EvaluationReportHook(images=2).after_test_epoch(runner)
    both = cv2.imread(str(folder / 'worst_images.jpg'))
    assert both.shape[1] > 1.9 * worst.shape[1]


def test_nothing_is_written_when_it_is_off_or_in_other_processes(runner, tmp_path):
    EvaluationReportHook(enabled=False).after_val_epoch(runner)
    runner.val_evaluator.metrics[1].evaluation = None
    EvaluationReportHook().after_val_epoch(runner)
    EvaluationReportHook().after_test_epoch(runner)
    assert not (tmp_path / 'run').exists()


def test_a_run_without_ground_truth_or_detections_is_drawn_too(runner, tmp_path):
    path = Path(runner.test_evaluator.metrics[1].evaluation.record.ann_file)
    path.write_text(json.dumps(json.loads(path.read_text()) | {'annotations': []}))
    runner.test_evaluator.metrics[1] = evaluate(str(path), 0)
    EvaluationReportHook().after_test_epoch(runner)
    folder = tmp_path / 'run' / 'figures' / 'test'
    assert {path.stem for path in folder.iterdir()} == FIGURES


def test_images_that_were_not_tested_are_not_drawn(runner, tmp_path):
    """The data set was cut down to its first image, the ground truth was not."""
    type(runner.test_dataloader.dataset).__len__ = lambda _: 1
    EvaluationReportHook().after_test_epoch(runner)
    kept = read_evaluated_boxes(tmp_path / 'run' / 'evaluations' / 'test.npz')
    assert kept.paths == {1: str(tmp_path / '1.png')}
    counts = tmp_path / 'run' / 'evaluations' / 'test_counts.csv'
    assert [row[:5] for row in counts.read_text().splitlines()] == ['image', '1.png']
    folder = tmp_path / 'run' / 'figures' / 'test'
    assert {path.stem for path in folder.iterdir()} == {*FIGURES, 'worst_images', 'errors'}


def test_several_metrics_write_into_folders_of_their_own(runner, tmp_path):
    (_, metric) = runner.test_evaluator.metrics
    ann_file = metric.evaluation.record.ann_file
    others = [evaluate(ann_file, 0, prefix=prefix) for prefix in ('../at night', None, 'coco')]
    runner.test_evaluator.metrics += others
    EvaluationReportHook().after_test_epoch(runner)
    EvaluationReportHook().after_val_epoch(runner)
    run = tmp_path / 'run'
    for name, ap in (('.', 1), ('at_night', 0), ('coco3', 0), ('coco4', 0)):
        for kind in ('test', 'val_3'):
            record = read_record(run / 'evaluations' / name / f'{kind}.json')
            assert (ap, 0) == record.metrics['bbox'].per_class.AP
        boxes = read_evaluated_boxes(run / 'evaluations' / name / 'test.npz')
        assert len(boxes.detections) == ap
        assert (run / 'figures' / 'test' / name / 'errors.jpg').is_file()
    shown = runner.visualizer._vis_backends['other'].pictures
    assert {'test/errors', 'test/at_night/errors', 'val/coco3/class_counts'} <= set(shown)


@pytest.mark.parametrize('wrap', [RepeatDataset, ConcatDataset, MultiImageMixDataset, Subset])
def test_wrapped_data_sets_are_looked_into(runner, tmp_path, wrap):
    wrapped = wrap.__new__(wrap)
    inner = runner.test_dataloader.dataset
    vars(wrapped).update({'datasets': [inner]} if wrap is ConcatDataset else {'dataset': inner})
    runner.test_dataloader.dataset = wrapped
    EvaluationReportHook().after_test_epoch(runner)
    kept = read_evaluated_boxes(tmp_path / 'run' / 'evaluations' / 'test.npz')
    assert kept.paths == {n: str(tmp_path / f'{n}.png') for n in (1, 2)}


def test_an_error_while_drawing_does_not_lose_the_scores(runner, tmp_path, caplog, monkeypatch):
    def fail(*_):
        raise RuntimeError('no such font')

    monkeypatch.setattr(evaluation_report, 'plot_class_counts', fail)
    runner.logger.addHandler(caplog.handler)
    EvaluationReportHook().after_test_epoch(runner, {'coco/bbox_mAP': 0.5})
    EvaluationReportHook().after_val_epoch(runner)
    runner.logger.removeHandler(caplog.handler)
    written = {path.name for path in (tmp_path / 'run' / 'evaluations').iterdir()}
    assert written == {'test.json', 'test.npz', 'test_counts.csv', 'val_3.json'}
    assert runner.visualizer._vis_backends['other'].scalars == {'test/coco/bbox_mAP': 0.5}
    assert caplog.text.count('could not be reported') == 2
    assert 'RuntimeError: no such font' in caplog.text


def test_a_report_that_cannot_be_written_is_logged(runner, tmp_path, caplog):
    (tmp_path / 'run').write_text('in the way')
    runner.logger.addHandler(caplog.handler)
    EvaluationReportHook().after_val_epoch(runner)
    runner.logger.removeHandler(caplog.handler)
    assert 'val_3 could not be reported' in caplog.text
    assert 'run/evaluations: cannot be written (Not a directory)' in caplog.text


def test_tensorboard_gets_the_pictures(runner, tmp_path):
    """As its own reader finds them, and at the epoch where the figures are."""
    backend = TensorboardVisBackend(str(tmp_path / 'events'))
    runner.visualizer._vis_backends = {'tensorboard': backend}
    EvaluationReportHook().after_val_epoch(runner)
    backend.close()
    events = EventAccumulator(str(tmp_path / 'events'), {'images': 0}).Reload()
    folder = tmp_path / 'run' / 'figures' / 'val'
    pictures = {f'val/{path.stem}': path for path in folder.iterdir()}
    assert set(events.Tags()['images']) == set(pictures)
    for name, path in pictures.items():
        (event,) = events.Images(name)
        assert event.step == 3
        assert (event.height, event.width) == cv2.imread(str(path)).shape[:2]
