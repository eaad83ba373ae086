"""The losses that are registered with MMDetection."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from mmdet.models.losses import EQLV2Loss, accuracy
from mmdet.registry import MODELS
from mmdet.utils import reduce_mean
from mmengine.dist import is_distributed
from torch import Tensor

from ...errors import InputError
from . import functional
from .class_weighted_loss import ClassWeightedLoss
from .class_weights import check_number


class HeadLoss(ClassWeightedLoss):
    """Base of the classification losses, which work in every head of MMDetection.

    Only two-stage heads call :meth:`get_cls_channels` when they are built. From that call the loss
    knows whether predicted scores need a column for background.

    Args:
        loss: As for :class:`ClassWeightedLoss`, like those of ``kwargs``: ``use_sigmoid``,
            ``class_weights`` and ``background_weight``. ``use_sigmoid`` has no default: anchor
            heads read it from the config, and take a missing one for False.
        avg_by_weight: Divide by the sum of the weights of all samples, over all processes, instead
            of the head's average factor, as DETR does. It requires reduction ``mean``, and a head
            whose loss is computed in every iteration.
        reduction: ``none``, ``mean`` or ``sum``.
        loss_weight: Factor of the loss.

    Raises:
        InputError: If an argument is out of its range, or class weights cannot be read.
    """

    custom_cls_channels = True
    custom_activation = True

    def __init__(
        self,
        loss: Callable[..., Tensor],
        /,
        *,
        avg_by_weight: bool = False,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(loss, **kwargs)
        functional.check_reduction(reduction)
        if avg_by_weight and reduction != 'mean':
            raise InputError(f'avg_by_weight needs reduction="mean", not {reduction!r}')
        self.avg_by_weight = avg_by_weight
        self.reduction = reduction
        self.loss_weight = loss_weight
        self._in_two_stage_head = False

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Computes the loss with the arguments of MMDetection's heads; see :mod:`~.functional`."""
        reduction = reduction_override or self.reduction
        by_weight = self.avg_by_weight and reduction == 'mean'
        weighing = self.weighing() | {
            'reduction': 'sum' if by_weight else reduction,
            'avg_factor': None if by_weight else avg_factor,
        }
        loss = self.loss(pred, target, weight, **weighing)
        if by_weight:
            weight = functional.Reducer(pred, target, weight, **weighing).weight
            if weight.dim() > 1:
                raise InputError('avg_by_weight needs one weight for each sample, not each logit')
            total = reduce_mean(weight.sum())
            loss = loss / total.clamp(min=torch.finfo(total.dtype).tiny)
        return self.loss_weight * loss

    def get_cls_channels(self, num_classes: int) -> int:
        """Number of logits of a two-stage head for ``num_classes`` classes."""
        if self.class_weights is not None:
            check_number(len(self.class_weights), num_classes)
        self._in_two_stage_head = True
        return num_classes + (not self.use_sigmoid)

    def get_activation(self, cls_score: Tensor) -> Tensor:
        """Turns logits into scores, (N, C); two-stage heads get a last column for background."""
        scores = cls_score.sigmoid() if self.use_sigmoid else cls_score.softmax(-1)
        if self.use_sigmoid and self._in_two_stage_head:
            return torch.cat([scores, (1 - scores.sum(-1, keepdim=True)).clamp(min=0)], -1)
        return scores if self.use_sigmoid or self._in_two_stage_head else scores[:, :-1]

    def get_accuracy(self, cls_score: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Accuracy in per cent; with sigmoid, background means that no score exceeds 0.5."""
        return {'acc': accuracy(F.pad(cls_score, (0, int(self.use_sigmoid))), labels)}


@MODELS.register_module()
class WeightedCrossEntropyLoss(HeadLoss):
    """Replaces ``CrossEntropyLoss``, see :func:`~.functional.weighted_cross_entropy`."""

    def __init__(self, *, label_smoothing: float = 0.0, **kwargs: Any) -> None:  # noqa: ANN401
        loss = partial(functional.weighted_cross_entropy, label_smoothing=label_smoothing)
        super().__init__(loss, **kwargs)


@MODELS.register_module()
class WeightedFocalLoss(HeadLoss):
    """Focal loss with alpha or class weights, see :func:`~.functional.weighted_focal_loss`.

    With ``use_sigmoid=True, alpha=0.25`` it is MMDetection's ``FocalLoss``.
    """

    def __init__(self, *, gamma: float = 2.0, alpha: float | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        loss = partial(functional.weighted_focal_loss, gamma=gamma, alpha=alpha)
        super().__init__(loss, **kwargs)


@MODELS.register_module()
class TacoEQLV2Loss(EQLV2Loss):
    """``EQLV2Loss`` that predicts by the sigmoid which it trains, and sums over all processes.

    MMDetection's has an activation of its own, but two-stage heads do not learn of it, and predict
    by softmax.

    Args:
        kwargs: As for ``EQLV2Loss``.
    """

    custom_cls_channels = True
    custom_activation = True

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**{'use_distributed': is_distributed(), **kwargs})

    def get_cls_channels(self, num_classes: int) -> int:
        """Number of logits of a two-stage head: those of the classes, and of background."""
        return self.get_channel_num(num_classes)

    def get_accuracy(self, cls_score: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Share of the samples whose highest logit is that of their class, in per cent."""
        return {'acc': accuracy(cls_score, labels)}
