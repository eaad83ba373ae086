import pytest

from taco_plugin.engine import StopAfterEpochHook
from taco_plugin.errors import InputError


def test_a_training_ends_after_the_epoch_and_is_not_resumed_past_it(train_toy, tmp_path):
    settings = {'train_cfg': {'max_epochs': 9, 'val_interval': 4}, 'interval': 2}
    settings['custom_hooks'] = [{'type': 'StopAfterEpochHook', 'epoch': 4}]
    assert train_toy([0.5], **settings)[0] == 4
    (best,) = tmp_path.glob('best_*.pth')
    assert best.stem.endswith('epoch_4')
    assert train_toy([0.5], resume=True, **settings)[0] == 4


def test_an_epoch_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match='epoch must be 1 or more, but is 0'):
        StopAfterEpochHook(epoch=0)
