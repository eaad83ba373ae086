"""What the registered losses share: class weights from a config, and what heads ask of a loss."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmdet.models.losses import accuracy
from mmdet.utils import reduce_mean
from torch import Tensor, nn
from torch.nn import functional

from ...errors import InputError
from .class_weights import read_class_weights
from .reduction import check_background_weight, check_reduction, join_weights, row_weights

GivenWeights = Sequence[float] | Mapping[str, Any] | None


class ClassWeightedLoss(nn.Module):
    """A classification loss for every head of MMDetection.

    Dense heads and DETR take the number of channels from ``use_sigmoid``. Two-stage heads ask for
    it by :meth:`get_cls_channels` as they are built, and no other head does: that tells whether
    predicted scores have a column for background.

    Args:
        use_sigmoid: One sigmoid per class, or softmax over the classes and background. It has no
            default: anchor heads read it from the config, where they take a missing one for False.
        class_weights: See :func:`~.class_weights.read_class_weights`; all 1 if None. Read when
            the loss is built. If its annotation file is not there, which does not matter to who
            only predicts, training is refused.
        background_weight: Of the rows of background (no object), >= 0.
        avg_by_weight: Divide by the sum of the weights of all rows, over all processes, instead of
            the head's average factor: DETR's average, which the size of the weights does not
            change. For heads whose loss is computed in every iteration, with reduction ``mean``.
        reduction: ``none``, ``mean`` or ``sum``.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: If an argument is out of its range, or class weights cannot be read.
    """

    custom_cls_channels = True
    custom_activation = True
    class_weights: Tensor | None

    def __init__(
        self,
        *,
        use_sigmoid: bool,
        class_weights: GivenWeights = None,
        background_weight: float = 1.0,
        avg_by_weight: bool = False,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        if avg_by_weight and reduction != 'mean':
            raise InputError(f'avg_by_weight needs reduction="mean", not {reduction!r}')
        check_background_weight(background_weight)
        self.use_sigmoid = use_sigmoid
        self.background_weight = background_weight
        self.avg_by_weight = avg_by_weight
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.classes: tuple[str, ...] | None = None
        self.missing_file: str | None = None
        self._in_two_stage_head = False
        weights = self._read(class_weights)
        self.register_buffer('class_weights', weights, persistent=False)

    def _read(self, given: GivenWeights) -> Tensor | None:
        if given is None:
            return None
        if isinstance(given, Mapping) and 'ann_file' in given:
            path = str(given['ann_file'])
            if not Path(path).is_file():
                self.missing_file = path
                return None
        read = read_class_weights(given)
        self.classes = read.classes
        return torch.tensor(read.weights)

    def check_classes(self, classes: Sequence[str]) -> None:
        """Compares the class weights with the classes of a data set that is to be trained on.

        Raises:
            ValueError: If they are for other classes, or their annotation file is missing.
        """
        self._check_file()
        if self.classes is not None and self.classes != tuple(classes):
            raise InputError(
                f'the class weights are for the classes {list(self.classes)}, but the data set '
                f'has {list(classes)}; give both one taxonomy'
            )
        self._check_number(len(classes))

    def _check_file(self) -> None:
        if self.missing_file is not None:
            raise InputError(
                f'{self.missing_file}: no such annotation file to take class weights from; write '
                'it with tools/dataset_converters/prepare_taco.py, or set TACO_DATA_ROOT'
            )

    def _check_number(self, num_classes: int) -> None:
        if self.class_weights is not None and len(self.class_weights) != num_classes:
            raise InputError(
                f'class_weights must hold one weight for each of the {num_classes} classes, '
                f'without background, but holds {len(self.class_weights)}'
            )

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Computes the loss.

        Args:
            pred: See :func:`~.weighted.weighted_cross_entropy`.
            target: See :func:`~.weighted.weighted_cross_entropy`.
            weight: See :func:`~.weighted.weighted_cross_entropy`.
            avg_factor: What MMDetection's heads average by.
            reduction_override: Instead of ``reduction``.
        """
        self._check_file()
        reduction = reduction_override or self.reduction
        by_weight = self.avg_by_weight and reduction == 'mean'
        loss = self.loss(
            pred,
            target,
            weight,
            use_sigmoid=self.use_sigmoid,
            class_weights=self.class_weights,
            background_weight=self.background_weight,
            reduction='sum' if by_weight else reduction,
            avg_factor=None if by_weight else avg_factor,
        )
        if by_weight:
            loss = loss / self._total_weight(pred, target, weight)
        return self.loss_weight * loss

    def loss(self, pred: Tensor, target: Tensor, weight: Tensor | None, **options: Any) -> Tensor:  # noqa: ANN401
        """The loss function with the options that the subclass has."""
        raise NotImplementedError

    def _total_weight(self, pred: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        rows = row_weights(
            pred, target, self.class_weights, self.background_weight, use_sigmoid=self.use_sigmoid
        )
        total = reduce_mean(join_weights(rows, weight, rows).sum())
        return total.clamp(min=torch.finfo(total.dtype).tiny)

    def get_cls_channels(self, num_classes: int) -> int:
        """Number of logits of a two-stage head with ``num_classes``."""
        self._check_number(num_classes)
        self._in_two_stage_head = True
        return num_classes + (not self.use_sigmoid)

    def get_activation(self, cls_score: Tensor) -> Tensor:
        """Scores of logits, shape (N, C), with a last column for background in two-stage heads."""
        if not self.use_sigmoid:
            scores = cls_score.softmax(-1)
            return scores if self._in_two_stage_head else scores[:, :-1]
        scores = cls_score.sigmoid()
        if not self._in_two_stage_head:
            return scores
        return torch.cat([scores, (1 - scores.sum(-1, keepdim=True)).clamp(min=0)], -1)

    def get_accuracy(self, cls_score: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Share of right labels in per cent; with sigmoid, background has no score above 0.5."""
        if self.use_sigmoid:
            cls_score = functional.pad(cls_score, (0, 1))
        return {'acc': accuracy(cls_score, labels)}

    def extra_repr(self) -> str:
        """What a printed model shows of the loss."""
        weights = None if self.class_weights is None else self.class_weights.tolist()
        return f'use_sigmoid={self.use_sigmoid}, class_weights={weights}'
