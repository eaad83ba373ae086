import json
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from taco_plugin.apps.compare import frameworks
from taco_plugin.apps.compare.model import Model
from taco_plugin.apps.compare.read_runs import name_runs, read_runs
from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation.detections import EvaluatedBoxes, write_evaluated_boxes
from taco_plugin.evaluation.record import parse_record, write_record


@pytest.fixture(autouse=True)
def without_models(monkeypatch):
    """Building detectors takes its time, and has tests of its own."""
    monkeypatch.setattr(frameworks, 'describe_model', lambda config, name: model(name, config.word))


def model(config, detector):
    return Model(config=config, detector=detector, taxonomy=None, loss='', input_size=None)


@pytest.fixture
def write_start(tmp_path, make_record):
    """A start of a run: ``<work_dir>/<time>`` with its config, log and evaluations."""

    def write(work_dir='detr', time='20250101_000000', word='first', rows=(), **evaluations):
        start = tmp_path / work_dir / time
        (start / 'vis_data').mkdir(parents=True)
        text = f'word = {word!r}\ntrain_cfg = dict(max_epochs=12)\n'
        (start / 'vis_data' / 'config.py').write_text(text)
        (start.parent / f'{start.parent.name}_taco.py').write_text(text)
        if rows:
            lines = '\n'.join(map(json.dumps, rows))
            (start / 'vis_data' / 'scalars.json').write_text(lines)
        for name, (mean_ap, moment) in evaluations.items():
            record = make_record(mAP=mean_ap)
            record['run'] |= {'name': name, 'time': moment}
            write_record(parse_record(record), start / 'evaluations' / f'{name}.json')
        return start.parent

    return write


def trained(step, epoch, time=0.5):
    return {'loss': 3.0, 'step': step, 'iter': step, 'epoch': epoch, 'time': time}


def validated(epoch, mean_ap=0.5):
    return {'coco/bbox_mAP': mean_ap, 'step': epoch}


def test_the_latest_test_is_taken(write_start):
    folder = write_start(time='1', word='old', test=(0.9, '2025-01-01'), val_3=(0.95, '2024'))
    write_start(time='2', word='new', test=(0.1, '2025-01-02'))
    (run,) = read_runs([folder])
    assert (run.name, run.folder, run.evaluation) == ('detr', folder, 'test')
    assert run.record.metrics['bbox'].coco['mAP'] == 0.1
    assert run.model == model('detr_taco', 'new')
    assert run.training is None


def test_runs_are_taken_at_their_best_validation_unless_all_were_tested(write_start):
    both = write_start('a', val_2=(0.4, '1'), val_10=(0.6, '2'), val_12=(0.5, '3'), test=(0.3, '4'))
    other = write_start('b', val_1=(0.2, '1'))
    tested = write_start('c', test=(0.7, '1'))

    def names(*folders):
        return [run.evaluation for run in read_runs(folders)]

    assert names(both, other) == ['val_10', 'val_1']
    assert names(both, tested) == ['test', 'test']
    assert names(other, tested) == ['val_1', 'test']


def test_a_training_that_was_resumed_is_read_as_one(write_start):
    rows = [trained(10, 1), validated(1), trained(20, 2), trained(30, 3), validated(3, 0.1)]
    folder = write_start(time='1', rows=rows)
    again = [trained(20, 2, 1.0), validated(2, 0.7), trained(30, 3, 1.0), validated(3, 0.8)]
    write_start(time='2', rows=again)
    write_start('by_iterations', rows=[{'loss': 1.0, 'step': 5, 'iter': 5, 'time': 2.0}])
    run, other = read_runs([folder, folder.parent / 'by_iterations'])
    assert (other.training.epochs, other.training.planned_epochs) == (None, None)
    assert other.training.seconds == 10
    assert run.training.rows == [*rows[:2], *again]
    assert (run.training.epochs, run.training.planned_epochs) == (3, 12)
    assert run.training.iterations == 30
    assert run.training.seconds == 10 * 0.5 + 20 * 1.0


def test_a_run_that_broke_off_at_once_is_read(write_start, caplog):
    folder = write_start()
    path = folder / '20250101_000000' / 'vis_data' / 'scalars.json'
    path.write_text('')
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    (run,) = read_runs([folder])
    logger.removeHandler(caplog.handler)
    assert run.training is run.evaluation is None
    assert f'{path}: is empty' in caplog.text


def test_one_start_can_be_given(write_start):
    folder = write_start(time='1', word='old', test=(0.9, '1'))
    write_start(time='2', word='new', test=(0.1, '2'))
    runs = read_runs([folder / '1', folder / '2'])
    assert [(run.name, run.model.detector) for run in runs] == [('1', 'old'), ('2', 'new')]


def test_pictures_and_boxes_of_the_evaluation_are_found(write_start):
    folder = write_start(test=(0.5, '1'), val_1=(0.5, '1')) / '20250101_000000'
    for split, name in (('test', 'b.png'), ('test', 'a.jpg'), ('test', 'x.txt'), ('val', 'c.png')):
        path = folder / 'figures' / split / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    none = Boxes.from_results([], {})
    evaluated = EvaluatedBoxes('/photos', {1: 'a.jpg'}, {1: (9, 9)}, none, none)
    write_evaluated_boxes(evaluated, folder / 'evaluations' / 'test.npz')
    (run,) = read_runs([folder])
    pictures = folder / 'figures' / 'test'
    assert run.pictures == {'a': pictures / 'a.jpg', 'b': pictures / 'b.png'}
    assert run.boxes.images == {1: 'a.jpg'}


FACTS = {
    **{'config': 'faster_rcnn', 'detector': 'GeneralizedRCNN (StandardROIHeads)'},
    **{'taxonomy': 'taco10', 'loss': 'cross-entropy', 'input_size': [1333, 800]},
    'parameters': 41_000_000,
}


def test_a_run_of_detectron2_is_read_beside_one_of_mmdetection(tmp_path, write_start, make_record):
    other = write_start(rows=[trained(10, 1)], val_1=(0.4, '1'))
    folder = tmp_path / 'output'
    record = make_record(mAP=0.5)
    record['run'] |= {'name': 'val_20', 'iteration': 20}
    write_record(parse_record(record), folder / 'evaluations' / 'val_20.json')
    (folder / 'figures' / 'val').mkdir(parents=True)
    (folder / 'figures' / 'val' / 'training.png').touch()
    (folder / 'run.json').write_text(json.dumps(FACTS))
    (folder / 'metrics.json').write_text('')
    run, _ = read_runs([folder, other])
    assert (run.name, run.evaluation, run.training) == ('output', 'val_20', None)
    assert run.model == Model(**FACTS | {'input_size': (1333, 800)})
    assert list(run.pictures) == ['training']
    rows = [{'iteration': n, 'total_loss': 3.0, 'time': 0.5} for n in (9, 19)]
    rows.append({'iteration': 20, 'bbox/AP': 50.0})
    (folder / 'metrics.json').write_text('\n'.join(map(json.dumps, rows)))
    _, run = read_runs([other, folder])
    assert (run.training.epochs, run.training.iterations, run.training.seconds) == (None, 20, 10)
    assert run.training.rows[-1]['coco/bbox_mAP'] == 0.5
    (folder / 'run.json').write_text('{"config": 3}')
    with pytest.raises(InputError, match=r'run\.json: not the facts of a Detectron2 run: Expected'):
        read_runs([folder])
    (folder / 'run.json').unlink()
    with pytest.raises(InputError, match=r'train\.py, test\.py or d2_train\.py wrote'):
        read_runs([folder])


def test_names_are_the_shortest_ends_that_differ():
    paths = [Path(f'/runs/{name}/x') for name in ('a/detr', 'b/detr', 'yolox')]
    assert name_runs(paths) == ['a/detr/x', 'b/detr/x', 'runs/yolox/x']


def test_folders_that_hold_no_run_are_refused(tmp_path, write_start):
    folder = write_start(test=(0.5, '1'))
    for folders, reason in (
        ([tmp_path / 'none'], 'none: no such folder'),
        ([folder, folder / '..' / 'detr'], 'detr: given twice'),
        ([folder / '20250101_000000' / 'evaluations'], 'no run in here; give the work dir'),
    ):
        with pytest.raises(InputError, match=reason):
            read_runs(folders)
    write_start('yolox', test=(0.5, '1'))
    with pytest.raises(InputError, match=r'several configs \(detr_taco, yolox_taco\); give their'):
        read_runs([tmp_path])
    (folder / '20250101_000000' / 'vis_data' / 'config.py').unlink()
    with pytest.raises(InputError, match=r'vis_data/config\.py: no such file'):
        read_runs([folder])
