"""Ends a training before the end of its schedule."""

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...errors import InputError


@HOOKS.register_module()
class StopAfterEpochHook(Hook):
    """Ends the training after an epoch, with the learning rates and augmentations of a longer one.

    A shorter ``max_epochs`` would change both, where they depend on the length of the training.

    Args:
        epoch: Number of epochs to train for.

    Raises:
        InputError: If ``epoch`` is less than 1.
    """

    def __init__(self, epoch: int) -> None:
        if epoch < 1:
            raise InputError(f'epoch must be 1 or more, but is {epoch}')
        self.epoch = epoch

    def before_train(self, runner: Runner) -> None:
        """Trains no further where a training is resumed after its last epoch."""
        runner.train_loop.stop_training = runner.epoch >= self.epoch

    def after_train_epoch(self, runner: Runner) -> None:
        """Stops after the last epoch; a validation that is due then still takes place."""
        if runner.epoch + 1 >= self.epoch:
            runner.train_loop.stop_training = True
