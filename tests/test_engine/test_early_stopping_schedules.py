"""No training is stopped before its schedule has played out."""

from pathlib import Path

import pytest
from mmengine.config import Config

CONFIGS = Path(__file__).parents[2] / 'configs' / 'taco'
SCHEDULES = ['demo', 'detr', 'faster_rcnn', 'ssd300', 'yolox']
STEPS = {'type': 'MultiStepLR', 'by_epoch': True, 'milestones': [4, 12], 'gamma': 0.1}


def epochs(number: int, interval: int = 1) -> dict[str, int]:
    return {'max_epochs': number, 'val_interval': interval}


def test_no_run_ends_before_the_last_step_of_its_learning_rate(train_toy):
    assert train_toy([0.1], epochs(20), stopping={'patience': 2}, param_scheduler=[STEPS])[0] == 14
    last = {**STEPS, 'milestones': [4, 20]}  # the second is not reached
    assert train_toy([0.1], epochs(20), stopping={'patience': 2}, param_scheduler=[last])[0] == 6
    every_third = {'type': 'StepLR', 'by_epoch': True, 'step_size': 3, 'gamma': 0.5, 'end': 10}
    assert (
        train_toy([0.1], epochs(20), stopping={'patience': 2}, param_scheduler=every_third)[0] == 11
    )


@pytest.mark.parametrize('converted', [True, False])
def test_steps_are_told_in_iterations_too(train_toy, converted):
    steps = {**STEPS, 'convert_to_iter_based': True}
    if not converted:
        steps = {**STEPS, 'by_epoch': False, 'milestones': [8, 24]}
    assert train_toy([0.1], epochs(20), stopping={'patience': 2}, param_scheduler=[steps])[0] == 14


def test_a_gradual_schedule_has_to_begin(train_toy):
    schedule = [
        {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'begin': 0, 'end': 3},
        {'type': 'CosineAnnealingLR', 'begin': 10, 'end': 20, 'T_max': 10, 'by_epoch': True},
    ]
    stopping = {'patience': 3}
    assert train_toy([0.1], epochs(20), stopping=stopping, param_scheduler=schedule)[0] == 13


def test_a_switch_of_the_augmentation_begins_the_count_anew(train_toy):
    switch = {'type': 'YOLOXModeSwitchHook', 'num_last_epochs': 15}  # after 4 of 20 epochs
    stopping = {'patience': 4}
    assert train_toy([0.1], epochs(20), stopping=stopping)[0] == 5
    assert train_toy([0.1], epochs(20), stopping=stopping, custom_hooks=[switch])[0] == 8


def schedule_of(leaf: str) -> tuple[dict[str, int], dict[str, list]]:
    config = Config.fromfile(CONFIGS / f'{leaf}.py')
    assert config.default_hooks.early_stopping == {'type': 'TacoEarlyStoppingHook'}
    hooks = config.get('custom_hooks', [])
    switches = [hook for hook in hooks if hook.type == 'YOLOXModeSwitchHook']
    settings = {'param_scheduler': config.param_scheduler, 'custom_hooks': switches}
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
