"""Stops training that no longer improves, once its schedule allows that to be judged."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from mmdet.engine.hooks import PipelineSwitchHook, YOLOXModeSwitchHook
from mmdet.registry import HOOKS
from mmengine.hooks import EarlyStoppingHook
from mmengine.optim.scheduler.param_scheduler import (
    ConstantParamScheduler,
    MultiStepParamScheduler,
    ReduceOnPlateauParamScheduler,
    StepParamScheduler,
)
from mmengine.runner import IterBasedTrainLoop, Runner

from ...errors import InputError
from .gradual_unfreezing_hook import GradualUnfreezingHook

_KEPT = 'early_stopping'
_OFF = 'default_hooks.early_stopping.enabled=False'


@HOOKS.register_module()
class TacoEarlyStoppingHook(EarlyStoppingHook):
    """MMEngine's hook, adapted to an mAP in [0, 1] and to the schedule of the training.

    The stock hook requires improvements of 0.1, and ignores the schedule. This one never stops
    training before the last step of the learning rate (``MultiStepLR``, ``StepLR``), before a
    cosine or another gradual schedule has begun, or while a ``GradualUnfreezingHook`` freezes
    parts. The count restarts after each of these and after a switch of the augmentation
    (``YOLOXModeSwitchHook``, ``PipelineSwitchHook``). With the default patience, only the shipped
    YOLOX configs can stop early: after 100 of their 300 epochs without improvement, in which case
    the final epochs without mosaic are not trained.

    A metric of -1 (no ground truth) is not counted; one that is not finite ends the training. The
    count is saved in checkpoints and resumed from them. All processes stop together because they
    get the same metrics.

    Args:
        monitor: Key of the metric.
        rule: ``greater`` or ``less``, whichever is better.
        min_delta: Least improvement over the best value so far that counts.
        patience: Number of validations in a row without improvement; by default a third of those
            of the training, but at least five.
        enabled: If False, the training is never stopped.
        kwargs: As for ``EarlyStoppingHook``.

    Raises:
        InputError: If ``min_delta`` or ``patience`` is too small.
    """

    priority = 'LOW'  # before the best checkpoint is saved, so that it has the count of its epoch

    best_score: float
    patience: int | None
    _kept: dict[str, Any]

    def __init__(
        self,
        monitor: str = 'coco/bbox_mAP',
        rule: Literal['greater', 'less'] = 'greater',
        min_delta: float = 0.001,
        *,
        patience: int | None = None,
        enabled: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        if not min_delta >= 0:
            raise InputError(f'min_delta must be 0 or more, but is {min_delta}')
        if patience is not None and patience < 1:
            raise InputError(f'patience must be 1 or more, but is {patience}')
        super().__init__(monitor, rule, min_delta, patience=patience, **kwargs)
        self.enabled = enabled
        self._training = False

    def before_run(self, runner: Runner) -> None:
        """Does nothing; the stock hook would build the training loop even for a test."""

    def before_train(self, runner: Runner) -> None:
        """Restores the count from a checkpoint that is resumed."""
        self._training = self.enabled
        new = {'best_score': self.best_score, 'best_at': 0, 'wait_count': 0, 'last_iter': 0}
        self._kept = new | runner.message_hub.get_info(_KEPT, {})

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Counts a validation, and stops training if there is a reason."""
        metrics = metrics or {}
        if not self._training:
            return
        if self.monitor not in metrics:
            super().after_val_epoch(runner, metrics)  # warns, or raises if strict
        elif metrics[self.monitor] == -1:  # COCO's metrics without ground truth
            runner.logger.warning(f'{self.monitor} is -1: early stopping does not count it')
        else:
            self._count(runner, metrics[self.monitor])
            done, length, unit = _progress(runner)
            reason = self._reason_to_stop(runner, metrics[self.monitor], unit)
            if reason and done < length:
                runner.train_loop.stop_training = True
                runner.logger.warning(
                    f'Training stops early, after {unit} {done} of {length}: {reason}. '
                    f'To train on: --resume --cfg-options {_OFF}'
                )

    def _count(self, runner: Runner, score: float) -> None:
        kept = self._kept
        changes = [*_falls(runner), *_switches(runner)]
        if any(kept['last_iter'] <= change < runner.iter for change in changes):
            kept['wait_count'] = 0
        surpasses = self.rule_map[self.rule]
        if math.isfinite(score) and not surpasses(kept['best_score'] + self.min_delta, score):
            kept |= {'best_score': score, 'best_at': _progress(runner)[0], 'wait_count': 0}
        else:
            kept['wait_count'] += 1
        kept['last_iter'] = runner.iter
        runner.message_hub.update_info(_KEPT, dict(kept))

    def _reason_to_stop(self, runner: Runner, score: float, unit: str) -> str | None:
        if self.check_finite and not math.isfinite(score):
            return f'it has diverged, {self.monitor} is {score}'
        threshold = self.stopping_threshold
        if threshold is not None and self.rule_map[self.rule](score, threshold):
            return f'{self.monitor} is {score:.4f}, {self.rule} than {threshold}'
        count, patience = self._kept['wait_count'], self.patience
        if patience is None:
            validations = _progress(runner)[1] / runner.train_loop.val_interval
            patience = max(math.ceil(validations / 3), 5)
        if count < patience or any(runner.iter <= fall for fall in _falls(runner)):
            return None
        return (
            f'{self.monitor} was {self._kept["best_score"]:.4f} after {unit} '
            f'{self._kept["best_at"]}, and has not got better by {abs(self.min_delta):g} in '
            f'{count} validation{"s" * (count > 1)} since'
        )


def _progress(runner: Runner) -> tuple[int, int, str]:
    """Steps that the training loop has done, their total number, and their unit."""
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return runner.iter, runner.max_iters, 'iteration'
    return runner.epoch, runner.max_epochs, 'epoch'


def _falls(runner: Runner) -> Iterator[int]:
    """Yields iterations after which rates step, a gradual schedule begins, or parts unfreeze."""
    schedulers = runner.param_schedulers or []
    if isinstance(schedulers, dict):  # several optimizers
        schedulers = [scheduler for some in schedulers.values() for scheduler in some]
    length = runner.max_iters // runner.max_epochs
    for hook in runner.hooks:
        if isinstance(hook, GradualUnfreezingHook):
            yield from (change for change in hook.changes(length) if change < runner.max_iters)
    for scheduler in schedulers:
        unit = length if scheduler.by_epoch else 1
        end = min(scheduler.end * unit, runner.max_iters)
        steps: Iterable[int] = [0]
        if isinstance(scheduler, MultiStepParamScheduler):
            steps = scheduler.milestones
        elif isinstance(scheduler, StepParamScheduler):
            steps = range(scheduler.step_size, runner.max_iters, scheduler.step_size)
        elif isinstance(scheduler, ConstantParamScheduler | ReduceOnPlateauParamScheduler):
            steps = []
        yield from (fall for step in steps if (fall := (scheduler.begin + step) * unit) < end)


def _switches(runner: Runner) -> Iterator[int]:
    """Yields iterations after which the augmentation changes."""
    length = runner.max_iters // runner.max_epochs
    for hook in runner.hooks:
        if isinstance(hook, YOLOXModeSwitchHook):
            yield (runner.max_epochs - hook.num_last_epochs - 1) * length
        elif isinstance(hook, PipelineSwitchHook):
            yield hook.switch_epoch * length
