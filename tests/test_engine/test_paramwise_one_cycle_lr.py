"""Each group of parameters has its own maximum, through a whole training."""

import pytest
from mmengine.hooks import Hook

from taco_plugin.errors import InputError

CYCLE = {
    **{'type': 'ParamwiseOneCycleLR', 'pct_start': 0.5, 'anneal_strategy': 'linear'},
    **{'div_factor': 10, 'final_div_factor': 10},
}
IN_EPOCHS = {**CYCLE, 'by_epoch': True, 'end': 5, 'convert_to_iter_based': True}
IN_ITERATIONS = {**CYCLE, 'by_epoch': False, 'end': 10}
# Ten iterations: up from a tenth to the maximum in four steps, and down to a hundredth in five.
BY_HAND = [0.1, 0.325, 0.55, 0.775, 1, 0.802, 0.604, 0.406, 0.208, 0.01]


class Rates(Hook):
    def __init__(self) -> None:
        self.rates = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        groups = runner.optim_wrapper.optimizer.param_groups
        self.rates.append([group['lr'] for group in groups])


@pytest.fixture
def train(train_toy):
    """Trains a weight with the rate of the optimizer, and a bias with a fifth of it."""

    def run(schedule, epochs=5, **settings):
        hook = Rates()
        keys = {'bbox_head.weight': {'lr_mult': 1.0}, 'bbox_head.bias': {'lr_mult': 0.2}}
        train_toy(
            *([0.1], {'max_epochs': epochs}),
            **{'interval': 1, 'stopping': {'enabled': False}, 'custom_hooks': [hook]},
            param_scheduler=schedule,
            optim_wrapper={
                'optimizer': {'type': 'SGD', 'lr': 0.1},
                'paramwise_cfg': {'custom_keys': keys},
            },
            **settings,
        )
        return hook.rates

    return run


@pytest.mark.parametrize('schedule', [IN_EPOCHS, IN_ITERATIONS])
def test_each_group_rises_to_its_own_maximum(train, schedule):
    rates = train(schedule)
    assert rates == [pytest.approx([0.1 * part, 0.02 * part]) for part in BY_HAND]


def test_a_cycle_in_epochs(train):
    rates = train({**CYCLE, 'by_epoch': True, 'pct_start': 0.6})
    # Up in the two steps after the first epoch, and down in two more.
    assert [weight for weight, _ in rates[::2]] == pytest.approx([0.01, 0.055, 0.1, 0.0505, 0.001])


def test_a_resumed_cycle_goes_on(train):
    rates = train(IN_EPOCHS, epochs=2) + train(IN_EPOCHS, resume=True)
    assert rates == [pytest.approx([0.1 * part, 0.02 * part]) for part in BY_HAND]


def test_the_maximum_is_scaled_to_the_batch(train):
    rates = train(IN_EPOCHS, auto_scale_lr={'enable': True, 'base_batch_size': 4})
    assert rates == [pytest.approx([0.025 * part, 0.005 * part]) for part in BY_HAND]


def test_a_warm_up_before_the_cycle_does_not_lower_it(train):
    warm_up = {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'begin': 0, 'end': 2}
    rates = train([warm_up, {**IN_ITERATIONS, 'begin': 2, 'end': 10, 'pct_start': 0.25}])
    assert max(rates) == pytest.approx([0.1, 0.02])


def test_a_maximum_for_all_is_refused(train):
    with pytest.raises(InputError, match='the maximum is the learning rate of each group; set'):
        train({**IN_EPOCHS, 'eta_max': 0.1})
