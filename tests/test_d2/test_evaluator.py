import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from taco_plugin.errors import InputError
from taco_plugin.evaluation.detections import read_evaluated_boxes
from taco_plugin.evaluation.record import read_record

NAME = 'taco_taco10_val'
PLOTS = {
    *('score_curves', 'precision_recall', 'class_counts'),
    *('confusion_matrix', 'confusion_matrix_normalised', 'count_errors'),
}


@pytest.fixture(scope='session')
def scaled_taco(tmp_path_factory, small_taco, run_tool):
    """The drawn data set with scaled photographs."""
    out = tmp_path_factory.mktemp('scaled')
    prepared = run_tool(
        *('dataset_converters/prepare_taco.py', small_taco / 'annotations.json', '--images'),
        *(small_taco, '--taxonomy', 'taco10', '--test-fraction', 0.25, '--val-fraction', 0.25),
        *('--max-side', 100, '--out', out),
    )
    assert prepared.returncode == 0, prepared.stderr
    return out


@pytest.fixture
def register(catalogs):
    from taco_plugin.d2.datasets import register_taco

    def run(root, change=lambda coco: None):
        """Registers the validation split, changed."""
        path = root / 'annotations' / 'val.json'
        coco = json.loads(path.read_text())
        change(coco)
        path.write_text(json.dumps(coco))
        register_taco(root, 'taco10')
        return catalogs[0].get(NAME)

    return run


def predict(dicts, seed=0, masks=False, factor=1.5):
    """Inputs and outputs of a model: true boxes that are moved, often of another class."""
    from detectron2.structures import Boxes, Instances

    random = np.random.default_rng(seed)
    inputs, outputs = [], []
    for one in dicts:
        height, width = one['height'], one['width']
        true = [row for row in one['annotations'] for _ in range(3)]
        xywh = np.array([row['bbox'] for row in true], dtype=np.float32).reshape(-1, 4)
        xywh *= random.uniform(0.8, 1.25, xywh.shape)
        xyxy = np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]]).clip(0, [width, height] * 2)
        other = random.random(len(true)) < 0.3
        labels = [row['category_id'] for row in true]
        labels = np.where(other, random.integers(0, 10, len(true)), labels).astype(np.int64)
        instances = Instances((height, width))
        instances.pred_boxes = Boxes(torch.tensor(xyxy, dtype=torch.float32))
        instances.scores = torch.tensor(random.random(len(true)), dtype=torch.float32)
        instances.pred_classes = torch.tensor(labels)
        if masks:
            bitmaps = torch.zeros((len(true), height, width), dtype=torch.bool)
            for bitmap, (x1, y1, x2, y2) in zip(bitmaps, xyxy.round().astype(int), strict=True):
                bitmap[y1:y2, x1:x2] = True
            instances.pred_masks = bitmaps
        size = round(factor * height), round(factor * width)
        known = {key: value for key, value in one.items() if key != 'annotations'}
        inputs.append({**known, 'image': torch.zeros(3, *size)})
        outputs.append({'instances': instances})
    return inputs, outputs


def evaluate(inputs, outputs, *args, **kwargs):
    from taco_plugin.d2.evaluator import TacoEvaluator

    evaluator = TacoEvaluator(NAME, *args, **kwargs)
    evaluator.reset()
    for given, output in zip(inputs, outputs, strict=True):
        evaluator.process([given], [output])
    return evaluator.evaluate(), evaluator


def evaluate_in_mmdetection(inputs, outputs, **kwargs):
    from detectron2.data import MetadataCatalog

    from taco_plugin.evaluation.taco_metric import TacoMetric

    meta = MetadataCatalog.get(NAME)
    metric = TacoMetric(**kwargs)
    metric.dataset_meta = {
        'classes': meta.thing_classes,
        'taxonomy': meta.taxonomy,
        'ann_file': meta.json_file,
    }
    for given, output in zip(inputs, outputs, strict=True):
        instances, (height, width) = output['instances'], given['image'].shape[1:]
        prediction = {
            'bboxes': instances.pred_boxes.tensor,
            'scores': instances.scores,
            'labels': instances.pred_classes,
        }
        if instances.has('pred_masks'):
            prediction['masks'] = instances.pred_masks
        sample = {
            'img_id': given['image_id'],
            'ori_shape': (given['height'], given['width']),
            'scale_factor': (width / given['width'], height / given['height']),
            'pred_instances': prediction,
        }
        metric.process({}, [sample])
    metric.evaluate(size=len(inputs))
    return metric


def add_crowd(coco):
    """Makes a crowd of the first box, with a run-length mask."""
    first = coco['annotations'][0]
    image = next(image for image in coco['images'] if image['id'] == first['image_id'])
    height, width = image['height'], image['width']
    x, y, w, h = (round(value) for value in first['bbox'])
    bitmap = np.zeros((height, width), np.uint8)
    bitmap[y : y + h, x : x + w] = 1
    runs = np.flatnonzero(np.diff(np.r_[0, bitmap.T.ravel(), 0]))
    counts = np.diff(np.r_[0, runs, bitmap.size]).tolist()
    first |= {'iscrowd': 1, 'segmentation': {'size': [height, width], 'counts': counts}}
    first.pop('original', None)


@pytest.fixture
def own(tmp_path):
    """A copy of a prepared data set's annotations that may be changed."""

    def copy(root):
        coco = json.loads((root / 'annotations' / 'val.json').read_text())
        coco.setdefault('info', {})['image_folder'] = str(root)
        (tmp_path / 'annotations').mkdir()
        (tmp_path / 'annotations' / 'val.json').write_text(json.dumps(coco))
        return tmp_path

    return copy


@pytest.mark.parametrize('change', [lambda coco: None, add_crowd])
@pytest.mark.parametrize('data', ['small_taco', 'scaled_taco'])
@pytest.mark.parametrize('masks', [False, True])
def test_the_record_is_that_of_the_metric_of_mmdetection(
    request, own, register, data, masks, change
):
    inputs, outputs = predict(register(own(request.getfixturevalue(data)), change), masks=masks)
    results, evaluator = evaluate(inputs, outputs)
    kinds = ['bbox', 'segm'] if masks else ['bbox']
    metric = evaluate_in_mmdetection(inputs, outputs, metric=kinds)
    ours, theirs = evaluator.evaluation.record, metric.evaluation.record
    assert ours == theirs
    assert list(results) == kinds
    assert ours.boxes.truth_per_size.input is not None
    assert ours.boxes.crowds == (change is add_crowd)
    assert 0 < ours.metrics['bbox'].coco['mAP'] < 1
    assert np.array_equal(evaluator.evaluation.detections.xyxy, metric.evaluation.detections.xyxy)


@pytest.mark.parametrize('change', [lambda coco: None, add_crowd])
def test_the_metrics_are_those_of_detectron2(tmp_path, small_taco, own, register, change):
    from detectron2.evaluation import COCOEvaluator

    inputs, outputs = predict(register(own(small_taco), change), masks=True)
    results, _ = evaluate(inputs, outputs)
    reference = COCOEvaluator(NAME, use_fast_impl=False)
    reference.reset()
    reference.process(inputs, outputs)
    expected = reference.evaluate()
    for kind, metrics in expected.items():
        assert list(results[kind]) == list(metrics)
        for name, value in metrics.items():
            assert results[kind][name] == pytest.approx(value, abs=1e-9, nan_ok=True), name
    assert any(math.isnan(value) for value in results['bbox'].values())


def test_real_predictions_score_as_in_both_others(real_taco, tmp_path, run_tool, catalogs):
    """On TACO's own annotations of 1,500 photographs."""
    from detectron2.evaluation import COCOEvaluator

    from taco_plugin.d2.datasets import register_taco

    prepared = run_tool(
        *('dataset_converters/prepare_taco.py', real_taco / 'annotations.json', '--images'),
        *(real_taco, '--taxonomy', 'taco10', '--allow-missing-images', '--out', tmp_path),
    )
    assert prepared.returncode == 0, prepared.stderr
    register_taco(tmp_path, 'taco10')
    inputs, outputs = predict(catalogs[0].get(NAME), factor=0.25)
    results, evaluator = evaluate(inputs, outputs)
    assert evaluator.evaluation.record == evaluate_in_mmdetection(inputs, outputs).evaluation.record
    reference = COCOEvaluator(NAME, use_fast_impl=False)
    reference.reset()
    reference.process(inputs, outputs)
    expected = reference.evaluate()['bbox']
    assert results['bbox'] == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize('logged', [(), (9, 19)])
def test_a_validation_is_recorded_and_drawn(tmp_path, small_taco, own, register, logged):
    from detectron2.utils.events import EventStorage

    inputs, outputs = predict(register(own(small_taco)))
    rows = [{'iteration': n, 'total_loss': 1.0, 'loss_cls': 1.0} for n in logged]
    (tmp_path / 'metrics.json').write_text('\n'.join(map(json.dumps, rows)))
    with EventStorage(0) as storage:
        storage.iter = 19
        storage.put_scalar('total_loss', 1.0)
        _, evaluator = evaluate(inputs, outputs, str(tmp_path))
        storage.iter = 20  # as after the last iteration
        evaluate(inputs, outputs, str(tmp_path))
    assert [path.name for path in (tmp_path / 'evaluations').iterdir()] == ['val_20.json']
    record = read_record(tmp_path / 'evaluations' / 'val_20.json')
    assert (record.run.name, record.run.epoch, record.run.iteration) == ('val_20', None, 20)
    assert replace(record, run=None) == evaluator.evaluation.record
    drawn = {path.stem for path in (tmp_path / 'figures' / 'val').iterdir()}
    assert drawn == {*PLOTS, 'training'}


def test_a_test_also_shows_photographs(tmp_path, scaled_taco, own, register):
    inputs, outputs = predict(register(own(scaled_taco)))
    evaluate(inputs, outputs, str(tmp_path), checkpoint='model_best.pth')
    record = read_record(tmp_path / 'evaluations' / 'test.json')
    assert (record.run.name, record.run.checkpoint) == ('test', 'model_best.pth')
    boxes = read_evaluated_boxes(tmp_path / 'evaluations' / 'test.npz')
    assert boxes.paths == {one['image_id']: one['file_name'] for one in inputs}
    first = inputs[0]
    assert boxes.sizes[first['image_id']] == (first['original_width'], first['original_height'])
    drawn = {path.stem for path in (tmp_path / 'figures' / 'test').iterdir()}
    assert drawn == {*PLOTS, 'worst_images', 'errors'}


def test_a_report_that_cannot_be_written_does_not_lose_the_scores(
    tmp_path, small_taco, own, register, caplog
):
    inputs, outputs = predict(register(own(small_taco)))
    (tmp_path / 'evaluations').touch()
    results, _ = evaluate(inputs, outputs, str(tmp_path))
    assert results['bbox']['AP'] > 0
    assert 'the evaluation could not be reported' in caplog.text


def test_without_detections_or_finite_ones_scores_are_zero(small_taco, own, register, caplog):
    inputs, outputs = predict(register(own(small_taco)), masks=True)
    for output in outputs:
        output['instances'].scores[:] = float('nan')
    results, _ = evaluate(inputs, outputs)
    assert results['bbox']['AP'] == results['segm']['AP50'] == 0
    assert 'detections are not finite and are left out; has training diverged?' in caplog.text
    nothing = [{'instances': output['instances'][:0]} for output in outputs]
    assert evaluate(inputs, nothing)[0]['bbox']['AP'] == 0
    assert evaluate([], [])[0]['bbox']['AP'] == 0


GATHER = """
import sys
from detectron2.engine import launch
from detectron2.utils import comm

def main(root, folder):
    sys.path.insert(0, folder)
    import test_evaluator
    from taco_plugin.d2.datasets import register_taco
    from detectron2.data import DatasetCatalog
    register_taco(root, 'taco10')
    inputs, outputs = test_evaluator.predict(DatasetCatalog.get(test_evaluator.NAME))
    mine = slice(comm.get_rank(), None, 2)
    results, evaluator = test_evaluator.evaluate(inputs[mine], outputs[mine], root)
    print(comm.get_rank(), dict(results).get('bbox', {}).get('AP'), flush=True)

if __name__ == '__main__':
    launch(main, 2, dist_url='auto', args=tuple(sys.argv[1:]))
"""


def test_predictions_of_two_processes_are_gathered(tmp_path, small_taco, own, register):
    inputs, outputs = predict(register(own(small_taco)))
    results, evaluator = evaluate(inputs, outputs)
    script = tmp_path / 'gather.py'
    script.write_text(GATHER)
    command = [sys.executable, str(script), str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(' ') for line in done.stdout.splitlines() if line[:2] in ('0 ', '1 '))
    assert printed == {'0': str(results['bbox']['AP']), '1': 'None'}
    record = read_record(tmp_path / 'evaluations' / 'test.json')
    assert replace(record, run=None) == evaluator.evaluation.record


def test_what_does_not_fit_is_refused(small_taco, own, register, catalogs):
    from taco_plugin.d2.evaluator import TacoEvaluator

    root = own(small_taco)
    inputs, outputs = predict(register(root))
    with pytest.raises(
        InputError, match=r"no annotation file is known of the data set 'litter'; r"
    ):
        TacoEvaluator('litter')
    assert 'litter' not in catalogs[1]
    with pytest.raises(InputError, match=r"tasks must be of \['bbox', 'segm'\], but is \('pan"):
        TacoEvaluator(NAME, tasks=('panoptic',))
    with pytest.raises(InputError, match='needs masks, but the detections in image .* have none'):
        evaluate(inputs, outputs, tasks=['segm'])
    outputs[0]['instances'].pred_classes[0] = 79
    with pytest.raises(InputError, match=r'detections has the label 79 of 0\.\.9'):
        evaluate(inputs, outputs)
    with pytest.raises(InputError, match='image_id must be of the .* images of the truth'):
        evaluate([{**inputs[1], 'image_id': 99999}], outputs[1:2])
    vars(catalogs[1].get(NAME)).update(taxonomy='detectwaste7')
    with pytest.raises(InputError, match=r'val\.json: the categories do not fit the taxonomy'):
        evaluate(inputs, outputs)
