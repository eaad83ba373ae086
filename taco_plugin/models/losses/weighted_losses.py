"""The losses that are registered with MMDetection."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from mmdet.models.losses import accuracy
from mmdet.registry import MODELS
from mmdet.utils import reduce_mean
from torch import Tensor, nn

from ...errors import InputError
from . import functional
from .class_weights import check_number, read_class_weights


class ClassWeightedLoss(nn.Module):
    """Base of the classification losses, which work in every head of MMDetection.

    Only two-stage heads call :meth:`get_cls_channels` when they are built. From that call the loss
    knows whether predicted scores need a column for background.

    Args:
        loss: A function of :mod:`~.functional` with the options of the subclass.
        use_sigmoid: Use one sigmoid per class instead of softmax over classes and background. It
            has no default: anchor heads read it from the config, and take a missing one for False.
        class_weights: See :func:`~.class_weights.read_class_weights`; all 1 if None. If their
            annotation file is missing when the loss is built, only training is refused.
        background_weight: Weight of background samples (no object), >= 0.
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
    class_weights: Tensor | None

    def __init__(
        self,
        loss: Callable[..., Tensor],
        *,
        use_sigmoid: bool,
        class_weights: Sequence[float] | Mapping[str, Any] | None = None,
        background_weight: float = 1.0,
        avg_by_weight: bool = False,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if avg_by_weight and reduction != 'mean':
            raise InputError(f'avg_by_weight needs reduction="mean", not {reduction!r}')
        loss(  # an empty batch, to validate the arguments
            torch.empty(0, 2),
            torch.empty(0, dtype=torch.int64),
            use_sigmoid=use_sigmoid,
            class_weights=None if class_weights is None else torch.ones(1 + use_sigmoid),
            background_weight=background_weight,
            reduction=reduction,
        )
        self.loss = loss
        self.use_sigmoid = use_sigmoid
        self.background_weight = background_weight
        self.avg_by_weight = avg_by_weight
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.classes: tuple[str, ...] | None = None
        self.missing_file: str | None = None
        self._in_two_stage_head = False
        weights = None
        if isinstance(class_weights, Mapping) and 'ann_file' in class_weights:
            path = str(class_weights['ann_file'])
            self.missing_file = None if Path(path).is_file() else path
        if class_weights is not None and self.missing_file is None:
            read = read_class_weights(class_weights)
            self.classes, weights = read.classes, torch.tensor(read.weights)
        self.register_buffer('class_weights', weights, persistent=False)

    def check_classes(self, classes: Sequence[str]) -> None:
        """Checks that the class weights are for the classes of the training data set.

        Raises:
            InputError: If they are for other classes, or their annotation file is missing.
        """
        self._check_file()
        if self.classes is not None and self.classes != tuple(classes):
            raise InputError(
                f'the class weights are for the classes {list(self.classes)}, but the data set '
                f'has {list(classes)}; give both one taxonomy'
            )
        if self.class_weights is not None:
            check_number(len(self.class_weights), len(classes))

    def _check_file(self) -> None:
        if self.missing_file is not None:
            raise InputError(
                f'{self.missing_file}: no such annotation file to take class weights from; write '
                'it with tools/dataset_converters/prepare_taco.py, or set TACO_DATA_ROOT'
            )

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Computes the loss with the arguments of MMDetection's heads; see :mod:`~.functional`."""
        self._check_file()
        reduction = reduction_override or self.reduction
        by_weight = self.avg_by_weight and reduction == 'mean'
        weighing: dict[str, Any] = {
            'use_sigmoid': self.use_sigmoid,
            'class_weights': self.class_weights,
            'background_weight': self.background_weight,
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

    def extra_repr(self) -> str:
        """Settings of the loss that a printed model shows."""
        weights = None if self.class_weights is None else self.class_weights.tolist()
        return f'use_sigmoid={self.use_sigmoid}, class_weights={weights}'


@MODELS.register_module()
class WeightedCrossEntropyLoss(ClassWeightedLoss):
    """Replaces ``CrossEntropyLoss``, see :func:`~.functional.weighted_cross_entropy`."""

    def __init__(self, *, label_smoothing: float = 0.0, **kwargs: Any) -> None:  # noqa: ANN401
        loss = partial(functional.weighted_cross_entropy, label_smoothing=label_smoothing)
        super().__init__(loss, **kwargs)


@MODELS.register_module()
class WeightedFocalLoss(ClassWeightedLoss):
    """Focal loss with alpha or class weights, see :func:`~.functional.weighted_focal_loss`.

    With ``use_sigmoid=True, alpha=0.25`` it is MMDetection's ``FocalLoss``.
    """

    def __init__(self, *, gamma: float = 2.0, alpha: float | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        loss = partial(functional.weighted_focal_loss, gamma=gamma, alpha=alpha)
        super().__init__(loss, **kwargs)
