"""Freezes parts of a model, and unfreezes them one after another during training."""

from collections.abc import Iterator
from difflib import get_close_matches

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from ...errors import InputError


@HOOKS.register_module()
class GradualUnfreezingHook(Hook):
    """Freezes each of some parts of the model until its epoch.

    In a config, this trains neck and heads from the start, the last stage of the backbone after 4
    epochs, and the rest of the backbone after 8::

        unfreeze_at = {'backbone': 8, 'backbone.layer4': 4}
        custom_hooks = [dict(type='GradualUnfreezingHook', unfreeze_at=unfreeze_at)]

    A frozen part gets no gradients, and so no weight decay, no momentum and no state in the
    optimizer. Its modules are in evaluation mode, so that the statistics of BatchNorm stay as well.
    The optimizer knows all parts from the start; their learning rates follow the schedule.
    Processes that train together exchange only the gradients of what is trained:
    ``find_unused_parameters`` is not needed. What is frozen depends on the epoch alone, so that a
    training can be resumed at any time. Early stopping waits until all parts are trained.

    What the model itself freezes, as ResNet does by ``frozen_stages``, stays frozen: a warning says
    so.

    Args:
        unfreeze_at: Name of a module or parameter -> number of epochs after which it is trained.
            If several names hold a parameter, the longest of them counts.
        by_epoch: If False, the numbers are those of iterations.

    Raises:
        InputError: Before the first iteration, if the model has no such part, if the model itself
            freezes all of it, or if nothing is left to train.
    """

    def __init__(self, unfreeze_at: dict[str, int], by_epoch: bool = True) -> None:
        if not unfreeze_at or min(unfreeze_at.values()) < 0:
            raise InputError(
                'unfreeze_at must map names of parts to numbers of epochs, 0 or more, '
                f'but is {dict(unfreeze_at)}'
            )
        self.unfreeze_at = dict(unfreeze_at)
        self.by_epoch = by_epoch
        self._trainable: dict[str, nn.Parameter] = {}
        self._frozen: set[str] = set()
        self._resting: list[nn.Module] = []

    def before_train(self, runner: Runner) -> None:
        """Finds the parts in the model."""
        model = _model(runner).train()  # in which some models freeze what they freeze
        parameters = dict(model.named_parameters())
        self._trainable = {name: one for name, one in parameters.items() if one.requires_grad}
        known = {name for name, _ in model.named_modules()} | set(parameters)
        for part in self.unfreeze_at:
            if part not in known:
                near = ', '.join(get_close_matches(part, known, n=3, cutoff=0))
                raise InputError(f'unfreeze_at: the model has no part {part!r}; it has {near}')
            inside = [name for name in parameters if self._part_of(name) == part]
            fixed = [name for name in inside if name not in self._trainable]
            why = 'the model freezes it itself; see frozen_stages in its config'
            if fixed == inside:
                raise InputError(f'unfreeze_at: nothing of {part!r} can be trained: {why}')
            if fixed:
                runner.logger.warning(f'{fixed[0]}, and {len(fixed)} in all, stays frozen: {why}')
        if all(self.unfreeze_at.get(self._part_of(name), 0) for name in self._trainable):
            raise InputError('unfreeze_at: all parts are frozen at first, nothing is trained')

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | tuple | list | None = None
    ) -> None:
        """Unfreezes what is due, and keeps what is frozen in evaluation mode."""
        done = runner.epoch if self.by_epoch else runner.iter
        frozen = {part for part, end in self.unfreeze_at.items() if done < end}
        if frozen != self._frozen:
            self._freeze(runner, frozen)
        for module in self._resting:  # loops and other hooks call model.train()
            module.training = False

    def changes(self, epoch_length: int) -> Iterator[int]:
        """Yields the iterations after which parts are unfrozen."""
        for end in self.unfreeze_at.values():
            yield end * epoch_length if self.by_epoch else end

    def _freeze(self, runner: Runner, frozen: set[str]) -> None:
        """Freezes these parts, and no others of those that have been trainable."""
        self._frozen = frozen
        model = _model(runner)
        for name, parameter in self._trainable.items():
            parameter.requires_grad_(self._part_of(name) not in frozen)
        if is_model_wrapper(runner.model):
            # A wrapper waits, in each step, for just those gradients that it found when it wrapped.
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)
        modules = dict(model.named_modules())
        self._resting = [one for name, one in modules.items() if self._part_of(name) in frozen]
        trained = sum(one.numel() for one in self._trainable.values() if one.requires_grad)
        total = sum(one.numel() for one in model.parameters())
        parts = ', '.join(sorted(frozen)) or 'nothing'
        runner.logger.info(f'{parts} is frozen; {trained:,} of {total:,} weights are trained')

    def _part_of(self, name: str) -> str:
        """The longest part that holds a module or parameter; empty if none does."""
        holding = [part for part in self.unfreeze_at if f'{name}.'.startswith(f'{part}.')]
        return max(holding, key=len, default='')


def _model(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
