"""The losses that are registered with MMDetection."""

from typing import Any

from mmdet.registry import MODELS
from torch import Tensor

from .class_weighted_loss import ClassWeightedLoss
from .weighted import (
    check_focal,
    check_label_smoothing,
    weighted_cross_entropy,
    weighted_focal_loss,
)


@MODELS.register_module()
class WeightedCrossEntropyLoss(ClassWeightedLoss):
    """Weighted and smoothed cross-entropy, see :func:`~.weighted.weighted_cross_entropy`.

    It stands in for ``CrossEntropyLoss`` in any classification head::

        loss_cls=dict(
            type='WeightedCrossEntropyLoss',
            use_sigmoid=False,
            class_weights=dict(
                scheme='inverse_density',
                scale='mean',
                taxonomy='detectwaste7',
                ann_file='data/taco/annotations/train.json',
            ),
        )

    Args:
        label_smoothing: In [0, 1).
        kwargs: See :class:`~.class_weighted_loss.ClassWeightedLoss`.

    Raises:
        ValueError: If an argument is out of its range, or class weights cannot be read.
    """

    def __init__(self, *, label_smoothing: float = 0.0, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        check_label_smoothing(label_smoothing)
        self.label_smoothing = label_smoothing

    def loss(self, pred: Tensor, target: Tensor, weight: Tensor | None, **options: Any) -> Tensor:  # noqa: ANN401
        """See :func:`~.weighted.weighted_cross_entropy`."""
        return weighted_cross_entropy(
            pred, target, weight, label_smoothing=self.label_smoothing, **options
        )


@MODELS.register_module()
class WeightedFocalLoss(ClassWeightedLoss):
    """Focal loss with alpha or class weights, see :func:`~.weighted.weighted_focal_loss`.

    With ``use_sigmoid=True, alpha=0.25`` it is MMDetection's ``FocalLoss``.

    Args:
        gamma: Focusing exponent, >= 0.
        alpha: Weight of objects against ``1 - alpha`` of background, or None.
        kwargs: See :class:`~.class_weighted_loss.ClassWeightedLoss`.

    Raises:
        ValueError: If an argument is out of its range, or class weights cannot be read.
    """

    def __init__(self, *, gamma: float = 2.0, alpha: float | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        check_focal(gamma, alpha, kwargs.get('class_weights') is not None)
        self.gamma = gamma
        self.alpha = alpha

    def loss(self, pred: Tensor, target: Tensor, weight: Tensor | None, **options: Any) -> Tensor:  # noqa: ANN401
        """See :func:`~.weighted.weighted_focal_loss`."""
        return weighted_focal_loss(
            pred, target, weight, gamma=self.gamma, alpha=self.alpha, **options
        )
