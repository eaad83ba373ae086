import json
import logging

import numpy as np
import pytest
from mmengine.logging import MMLogger

from taco_plugin.errors import InputError
from taco_plugin.visualization import plot_training, read_scalars
from taco_plugin.visualization.training import read_detectron2_log


def train_row(step, **parts):
    return {'lr': 0.1, 'loss': sum(parts.values()), **parts, 'epoch': 1, 'iter': step, 'step': step}


def val_row(step, value):
    return {'coco/bbox_mAP': value, 'coco/bbox_mAP_50': value, 'time': 0.1, 'step': step}


ROWS = [
    train_row(10, loss_cls=2.0, loss_bbox=1.0),
    train_row(20, loss_cls=1.0, loss_bbox=1.0),
    val_row(1, 0.2),
    train_row(30, loss_cls=0.5, loss_bbox=0.75, loss_l1=0.25),
    val_row(2, 0.4),
    train_row(40, loss_cls=0.5, loss_bbox=0.5),
    val_row(3, 0.3),
]


def lines_of(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_finite_loss_parts_are_drawn_where_they_were_logged():
    losses, _ = plot_training(ROWS).axes
    lines = lines_of(losses)
    assert list(lines) == ['loss', 'loss_cls', 'loss_bbox', 'loss_l1']
    assert lines['loss'] == [[10, 3], [20, 2], [30, 1.5], [40, 1]]
    assert lines['loss_l1'] == [[30, 0.25]]
    assert losses.get_xlabel() == 'Iteration'
    assert losses.get_yscale() == 'linear'
    rows = [*ROWS, {**train_row(50, loss_cls=float('nan')), 'loss_bbox': float('inf')}]
    losses, _ = plot_training(rows).axes
    assert losses.get_title() == 'Loss (3 values that are not finite are left out)'
    assert lines_of(losses)['loss'][-1] == [40, 1]


def test_masks_are_drawn_where_boxes_are_not_scored():
    rows = [{'coco/segm_Can_AP': 0.9, 'coco/segm_mAP_50': 0.8, 'coco/segm_mAP': 0.4, 'step': 1}]
    _, metric = plot_training(rows).axes
    assert metric.get_title().startswith('Validation: coco/segm_mAP, best 0.400')
    assert metric.get_ylabel() == 'segm_mAP'


def test_the_best_validation_is_marked_and_undefined_ones_are_counted():
    _, metric = plot_training(ROWS).axes
    line, star = metric.lines
    np.testing.assert_allclose(line.get_xydata(), [[1, 0.2], [2, 0.4], [3, 0.3]])
    np.testing.assert_allclose(star.get_xydata(), [[2, 0.4]])
    assert metric.get_title() == 'Validation: coco/bbox_mAP, best 0.400 at epoch 2'
    assert metric.get_xlabel() == 'Epoch'
    rows = [{key: value for key, value in row.items() if key != 'epoch'} for row in ROWS]
    assert plot_training(rows).axes[1].get_xlabel() == 'Iteration'
    _, metric = plot_training([*ROWS, val_row(4, -1), val_row(5, float('nan'))]).axes
    assert metric.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert metric.get_title().endswith('at epoch 2 (2 undefined)')


def test_many_parts_are_added_up_by_prefix():
    auxiliary = {f'd{layer}.loss_{part}': layer + 1.0 for layer in range(5) for part in 'abc'}
    losses, _ = plot_training([train_row(10, loss_cls=1.0, **auxiliary)]).axes
    lines = lines_of(losses)
    assert list(lines) == ['loss', 'loss_cls', *(f'sum of d{layer}.*' for layer in range(5))]
    assert lines['sum of d4.*'] == [[10, 15]]


def test_a_long_log_is_smoothed_over_the_faint_raw_values():
    noise = np.random.default_rng(0).uniform(0, 2, 400)
    losses, _ = plot_training([train_row(i, loss_cls=x) for i, x in enumerate(noise)]).axes
    raw, line, *_ = losses.lines
    np.testing.assert_array_equal(raw.get_ydata(), noise)
    assert raw.get_alpha() < 1
    assert line.get_ydata().std() < 0.5 * noise.std()
    assert line.get_ydata()[200] == pytest.approx(noise[195:206].mean())


def test_a_wide_range_is_logarithmic():
    rows = [train_row(i, loss_cls=10.0, loss_rpn_cls=0.01) for i in range(5)]
    losses, _ = plot_training(rows).axes
    assert losses.get_yscale() == 'log'
    assert losses.get_ylabel() == 'Loss (logarithmic)'


def test_what_was_not_logged_is_told(texts_of):
    assert 'nothing was logged' in texts_of(plot_training([]))
    assert 'no validation logged' in texts_of(plot_training(ROWS[:2]))
    assert 'no training logged' in texts_of(plot_training([val_row(1, 0.5)]))
    assert 'no ground truth' in texts_of(plot_training([*ROWS[:2], val_row(1, -1)]))
    with pytest.raises(InputError, match=r"has 'coco/bbox_mAP'; there are \['proposal/AR@100'\]"):
        plot_training([{'proposal/AR@100': 0.5, 'step': 1}])


@pytest.fixture
def warnings(caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield lambda: [
        record.getMessage() for record in caplog.records if record.levelno == logging.WARNING
    ]
    logger.removeHandler(caplog.handler)


def test_rows_are_read_as_they_were_logged(tmp_path, warnings):
    path = tmp_path / 'scalars.json'
    lines = '\n'.join(map(json.dumps, ROWS))
    path.write_text(f'{lines}\n\n')
    assert read_scalars(path) == ROWS
    assert warnings() == []
    path.write_text(f'{lines}\n{{"loss": 0.1')
    assert read_scalars(path) == ROWS
    assert warnings() == [f'{path}: line 8 was cut off and is left out']


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (b'\n', 'is empty, no scalars were logged'),
        (b'{"loss": 0.1', 'line 1: broken JSON'),
        (b'{"step": 1}\n{"st\n{"step": 2}', 'line 2: broken JSON'),
        (b'{"step": 1}\n[1, 2]', 'line 2: not a JSON object with a step'),
        (b'{"images": []}', 'line 1: not a JSON object with a step'),
        (b'\x89PNG\xff', 'not even text'),
        (None, 'scalars.json: cannot be read'),
    ],
)
def test_what_is_no_log_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / 'scalars.json').write_bytes(text)
    with pytest.raises(InputError, match=message):
        read_scalars(tmp_path / 'scalars.json')


def test_a_log_of_detectron2_that_was_resumed_after_a_crash(tmp_path, warnings):
    """Its writer begins a new line only after a complete one."""
    path = tmp_path / 'metrics.json'
    lines = [
        {'iteration': 9, 'total_loss': 3.0, 'loss_cls': 2.0, 'loss_box_reg': 1.0, 'time': 0.5},
        {'iteration': 19, 'total_loss': 2.0, 'loss_cls': 2.0, 'bbox/AP': 12.5, 'segm/AP': 50.0},
        {'iteration': 24, 'taco_val/bbox/AP': float('nan'), 'bbox/AP-Can': 1.0},
        {'iteration': 29, 'total_loss': 1.0, 'fast_rcnn/cls_accuracy': 0.5},
    ]
    again = [{'iteration': 19, 'total_loss': 1.5}, {'iteration': 29, 'total_loss': 1.25}]
    texts = list(map(json.dumps, [*lines, *again]))
    texts.insert(4, '{"iteration": 39, "tot')
    path.write_text('\n'.join(texts) + '\n')
    assert read_detectron2_log(path) == [
        {'step': 10, 'loss': 3.0, 'loss_cls': 2.0, 'loss_box_reg': 1.0, 'time': 0.5},
        {'step': 20, 'loss': 1.5, 'time': 0.0},
        {'step': 30, 'loss': 1.25, 'time': 0.0},
    ]
    assert warnings() == [f'{path}: line 5 was cut off and is left out']
    path.write_text('\n'.join(texts[:3]))
    (_, _, first, second) = read_detectron2_log(path)
    assert first == {'coco/bbox_mAP': 0.125, 'step': 20}
    assert second['step'] == 25
    assert np.isnan(second['coco/bbox_mAP'])
    for text in ('', '[1]', '{"iteration": "x"}'):
        path.write_text(text)
        with pytest.raises(InputError, match='no log of a Detectron2 training'):
            read_detectron2_log(path)
