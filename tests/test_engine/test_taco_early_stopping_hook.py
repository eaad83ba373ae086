import math
from pathlib import Path

import pytest
from mmengine.config import Config

from taco_plugin.engine import TacoEarlyStoppingHook
from taco_plugin.errors import InputError

CONFIGS = Path(__file__).parents[2] / 'configs' / 'taco'
SCHEDULES = [
    'demo',
    'detr',
    'dino',
    'faster_rcnn',
    'rtmdet_m',
    'ssd300',
    'yolox',
    'yolox_one_cycle',
]
STEPS = {'type': 'MultiStepLR', 'by_epoch': True, 'milestones': [4, 12], 'gamma': 0.1}


def epochs(number: int, interval: int = 1) -> dict[str, int]:
    return {'max_epochs': number, 'val_interval': interval}


def test_a_plateau_ends_a_run_with_one_clear_line(train_toy):
    values = [0.1, 0.3, 0.3004, 0.3008, 0.29]
    done, text = train_toy(values, epochs(20), stopping={'patience': 3})
    assert done == 5
    assert text == (
        'Training stops early, after epoch 5 of 20: coco/bbox_mAP was 0.3000 after epoch 2, and '
        'has not got better by 0.001 in 3 validations since. '
        'To train on: --resume --cfg-options default_hooks.early_stopping.enabled=False'
    )


def test_small_improvements_add_up(train_toy):
    creeping = [0.3 + 0.0004 * step for step in range(20)]  # by 0.001 in three
    assert train_toy(creeping, epochs(20), stopping={'patience': 3})[0] == 20
    assert train_toy(creeping, epochs(20), stopping={'patience': 2})[0] == 3


def test_validations_are_counted_not_epochs(train_toy):
    done, text = train_toy([0.1], epochs(40, 3), stopping={'patience': 4})
    assert done == 15
    assert 'was 0.1000 after epoch 3, and has not got better by 0.001 in 4 valid' in text


def test_iterations(train_toy):
    iterations = {'max_iters': 40, 'val_interval': 4}
    done, text = train_toy([0.1, 0.2, 0.1], iterations, stopping={'patience': 3})
    assert done == 20
    assert 'after iteration 20 of 40' in text
    assert 'was 0.2000 after iteration 8' in text


def test_default_patience_is_a_third_of_the_validations_and_five_at_least(train_toy):
    assert train_toy([0.1], epochs(30))[0] == 11
    assert train_toy([0.1], epochs(60, 2))[0] == 22
    assert train_toy([0.1], epochs(9))[0] == 6
    assert train_toy([0.1], {'max_iters': 60, 'val_interval': 2})[0] == 22


def test_undefined_figures_are_no_improvement_and_no_reason_to_stop(train_toy):
    values = [-1, 0.2, -1, -1, -1, 0.1, -1, 0.1]
    done, text = train_toy(values, epochs(20), stopping={'patience': 2})
    assert done == 8
    assert 'was 0.2000 after epoch 2' in text
    assert text.count('coco/bbox_mAP is -1: early stopping does not count it') == 5
    assert train_toy([-1], epochs(9), stopping={'patience': 2})[0] == 9
    assert train_toy([0.1], epochs(9), stopping={'patience': 1, 'enabled': False}) == (9, '')


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_a_run_that_has_diverged_ends_at_once(train_toy, value):
    done, text = train_toy([0.2, 0.1, value], epochs(20), param_scheduler=[STEPS])
    assert done == 3
    assert f'after epoch 3 of 20: it has diverged, coco/bbox_mAP is {value}. To' in text
    stopping = {'check_finite': False, 'patience': 3}
    assert train_toy([0.2, value, value, 0.1], epochs(20), stopping=stopping)[0] == 4


def test_a_goal_ends_a_run(train_toy):
    done, text = train_toy([0.2, 0.4, 0.6], epochs(20), stopping={'stopping_threshold': 0.5})
    assert done == 3
    assert 'coco/bbox_mAP is 0.6000, greater than 0.5' in text


def test_a_figure_that_is_better_the_less_it_is(train_toy):
    stopping = {'monitor': 'coco/loss', 'rule': 'less', 'patience': 2}
    values = [0.9, 0.8, 0.7, 0.6995, 0.7]
    assert train_toy(values, epochs(20), key='loss', stopping=stopping)[0] == 5


def test_a_figure_that_is_missing_is_told(train_toy):
    with pytest.warns(UserWarning, match=r'do not include `monitor` \(coco/bbox_mAP\)'):
        assert train_toy([0.1], epochs(8), key='segm_mAP', stopping={'patience': 1})[0] == 8
    with pytest.raises(RuntimeError, match='coco/bbox_mAP is not available'):
        train_toy([0.1], epochs(8), key='segm_mAP', stopping={'strict': True})


def test_a_resumed_run_counts_on(train_toy):
    """Epoch 4 is saved before its validation, which is therefore repeated."""
    stopping = {'patience': 4}
    values = [0.3, 0.1, 0.1, 0.1]
    assert train_toy(values, epochs(4), stopping=stopping, interval=1)[0] == 4
    done, text = train_toy([0.1], epochs(20), stopping=stopping, resume=True)
    assert done == 5
    assert 'was 0.3000 after epoch 1, and has not got better by 0.001 in 4 valid' in text


def test_a_best_checkpoint_has_the_count_of_its_epoch(train_toy):
    assert train_toy([0.1, 0.2, 0.3], epochs(3), stopping={'patience': 3}, interval=1)[0] == 3
    done, text = train_toy([0.25], epochs(20), stopping={'patience': 3}, resume=True)
    assert done == 6
    assert 'was 0.3000 after epoch 3' in text


WARM_UP = {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'begin': 0, 'end': 3}
COSINE = {'type': 'CosineAnnealingLR', 'begin': 10, 'end': 20, 'T_max': 10, 'by_epoch': True}
EVERY_THIRD = {'type': 'StepLR', 'by_epoch': True, 'step_size': 3, 'gamma': 0.5, 'end': 10}


@pytest.mark.parametrize(
    ('schedule', 'end'),
    [
        ([STEPS], 14),
        ([{**STEPS, 'milestones': [4, 20]}], 6),  # the second is not reached
        ([{**STEPS, 'convert_to_iter_based': True}], 14),
        ([{**STEPS, 'by_epoch': False, 'milestones': [8, 24]}], 14),
        (EVERY_THIRD, 11),
        ([WARM_UP, COSINE], 12),
    ],
)
def test_no_run_ends_before_its_schedule_has_played_out(train_toy, schedule, end):
    done, _ = train_toy([0.1], epochs(20), stopping={'patience': 2}, param_scheduler=schedule)
    assert done == end


def test_a_switch_of_the_augmentation_begins_the_count_anew(train_toy):
    switch = {'type': 'YOLOXModeSwitchHook', 'num_last_epochs': 15}  # after 4 of 20 epochs
    stopping = {'patience': 4}
    assert train_toy([0.1], epochs(20), stopping=stopping)[0] == 5
    assert train_toy([0.1], epochs(20), stopping=stopping, custom_hooks=[switch])[0] == 8


def test_no_run_ends_while_parts_are_frozen(train_toy):
    freeze = {'type': 'GradualUnfreezingHook', 'unfreeze_at': {'bbox_head.weight': 6}}
    stopping = {'patience': 4}
    assert train_toy([0.1], epochs(20), stopping=stopping, custom_hooks=[freeze])[0] == 10
    freeze |= {'by_epoch': False}  # two iterations are an epoch
    assert train_toy([0.1], epochs(20), stopping=stopping, custom_hooks=[freeze])[0] == 7


def schedule_of(leaf: str) -> tuple[dict[str, int], dict[str, list]]:
    config = Config.fromfile(CONFIGS / f'{leaf}.py')
    assert config.default_hooks.early_stopping.type == 'TacoEarlyStoppingHook'
    hooks = config.get('custom_hooks', [])
    switches = [
        {key: value for key, value in hook.items() if key != 'switch_pipeline'}
        | ({'switch_pipeline': []} if 'switch_pipeline' in hook else {})
        for hook in hooks
        if 'SwitchHook' in hook.type
    ]
    settings = {'param_scheduler': config.param_scheduler, 'custom_hooks': switches}
    settings['stopping'] = config.default_hooks.early_stopping
    return epochs(config.train_cfg.max_epochs, config.train_cfg.val_interval), settings


@pytest.mark.parametrize('leaf', SCHEDULES)
def test_without_any_improvement_only_a_yolox_stops(train_toy, leaf):
    length, settings = schedule_of(leaf)
    done, _ = train_toy([0.1], length, **settings)
    assert done == (110 if leaf == 'yolox' else length['max_epochs'])


def test_a_yolox_has_a_hundred_epochs_to_get_better(train_toy):
    length, settings = schedule_of('yolox')
    best_after_180 = [0.1 + 0.001 * min(epoch, 180) for epoch in range(10, 301, 10)]
    assert train_toy(best_after_180, length, **settings)[0] == 280
    best_after_190 = [0.1 + 0.001 * min(epoch, 190) for epoch in range(10, 301, 10)]
    assert train_toy(best_after_190, length, **settings)[0] == 300  # mosaics end after 284


def test_every_config_has_one_of_these_schedules():
    known = [schedule_of(leaf) for leaf in SCHEDULES]
    leaves = [path.stem for path in CONFIGS.glob('*.py')]
    assert [leaf for leaf in leaves if schedule_of(leaf) not in known] == []


def test_a_test_needs_no_training_loop():
    class Testing:
        @property
        def train_loop(self):
            raise AssertionError('the training data were loaded')

    hook = TacoEarlyStoppingHook(patience=1)
    hook.before_run(Testing())
    hook.after_val_epoch(Testing(), {'coco/bbox_mAP': 0.1})


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'patience': 0}, 'patience must be 1 or more, but is 0'),
        ({'min_delta': -0.1}, 'min_delta must be 0 or more, but is -0.1'),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(InputError, match=message):
        TacoEarlyStoppingHook(**arguments)
