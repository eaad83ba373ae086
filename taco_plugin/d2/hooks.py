"""Hooks for Detectron2's trainer: the best checkpoint, and the end of training."""

import logging
import math
from pathlib import Path
from typing import Any

from detectron2.engine import HookBase
from detectron2.engine.hooks import BestCheckpointer
from detectron2.utils import comm

from ..errors import InputError
from .checkpoints import TacoCheckpointer

METRIC = 'bbox/AP'
"""Metric of the best checkpoint and of early stopping, in per cent."""

_logger = logging.getLogger(__name__)


class StopTraining(BaseException):
    """Ends the training loop; not an Exception, which Detectron2 would log as a failure."""


class TacoBestCheckpointer(BestCheckpointer):
    """Detectron2's hook, which also remembers the best metric when a training is resumed."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        known = self.best_metric is not None
        return {'best': float(self.best_metric), 'iteration': self.best_iter} if known else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the best metric."""
        self.best_metric, self.best_iter = state['best'], state['iteration']


class EarlyStoppingHook(HookBase):
    """Stops training that no longer improves; the rule is that of MMDetection's side.

    Training never stops before the last step of the learning rate, at which the count restarts. A
    metric that is NaN (no ground truth) is not counted. The count is saved in checkpoints: one that
    was written just before the evaluation is written again after it. This hook must come after
    those that save and evaluate.

    Args:
        eval_period: As of Detectron2's EvalHook.
        checkpointer: What saves the checkpoints; only needed in the main process.
        last_step: Iteration of the last step of the learning rate; 0 if it has none.
        min_delta: Least improvement over the best AP so far that counts, in per cent.
        patience: Number of evaluations in a row without improvement; by default a third of those
            of the training, but at least five.
        enabled: If False, training is never stopped.

    Raises:
        InputError: If ``min_delta`` or ``patience`` is too small.
    """

    def __init__(
        self,
        eval_period: int,
        checkpointer: TacoCheckpointer,
        last_step: int = 0,
        *,
        min_delta: float = 0.1,
        patience: int | None = None,
        enabled: bool = True,
    ) -> None:
        if min_delta < 0:
            raise InputError(f'min_delta must be 0 or more, but is {min_delta}')
        if patience is not None and patience < 1:
            raise InputError(f'patience must be 1 or more, but is {patience}')
        self.eval_period, self.checkpointer, self.last_step = eval_period, checkpointer, last_step
        self.min_delta, self.patience, self.enabled = min_delta, patience, enabled
        self.kept: dict[str, Any] = {'best': -math.inf, 'best_at': 0, 'count': 0, 'last': 0}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return dict(self.kept)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the count."""
        self.kept = dict(state)

    def after_step(self) -> None:
        """Counts an evaluation, saves the count, and stops training if there is a reason."""
        done, total = self.trainer.iter + 1, self.trainer.max_iter
        if self.eval_period <= 0 or done % self.eval_period or done == total:
            return
        reason = self._count(done, total) if comm.is_main_process() else None
        reason = next(filter(None, comm.all_gather(reason)), None)
        name = f'model_{self.trainer.iter:07d}'
        if reason or Path(self.checkpointer.save_dir, f'{name}.pth').exists():
            self.checkpointer.save(name)
        if reason:
            _logger.warning(
                f'Training stops early, after iteration {done} of {total}: {reason}. To train on: '
                '--resume train.taco.early_stopping.enabled=False'
            )
            raise StopTraining(reason)

    def after_train(self) -> None:
        """Saves the last checkpoint again, with the best metric."""
        if self.trainer.iter == self.trainer.max_iter > self.trainer.start_iter:
            self.trainer.iter -= 1  # the last that was done
            self.checkpointer.save('model_final')
            self.trainer.iter += 1

    def _count(self, done: int, total: int) -> str | None:
        kept, found = self.kept, self.trainer.storage.latest().get(METRIC)
        if found is None or math.isnan(found[0]):
            _logger.warning(f'there is no {METRIC}: early stopping does not count it')
            return None
        if kept['last'] <= self.last_step < done:
            kept['count'] = 0
        kept['last'], score = done, float(found[0])
        if score > kept['best'] + self.min_delta:
            kept |= {'best': score, 'best_at': done, 'count': 0}
        else:
            kept['count'] += 1
        patience = self.patience or max(math.ceil(total / self.eval_period / 3), 5)
        if not self.enabled or kept['count'] < patience or done <= self.last_step:
            return None
        return (
            f'{METRIC} was {kept["best"]:.2f} after iteration {kept["best_at"]}, and has not got '
            f'better by {self.min_delta:g} in {kept["count"]} evaluations since'
        )
