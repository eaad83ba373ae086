"""Cross-entropy and focal loss with a weight for each class, as functions."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import InputError
from .class_weights import check_below_one, check_not_negative, check_number
from .focal_loss import SigmoidFocalSum, sigmoid_focal_loss, softmax_focal_loss


class Reducer:
    """Weighs the losses of a batch by the classes of its targets, and reduces them.

    Arguments not described here are those of :func:`weighted_cross_entropy`.

    Args:
        class_weights: Shape (C,), >= 0; all 1 if None.
        background_weight: Weight of background samples, >= 0.
        reduction: ``none`` gives the shape (N,) for softmax, (N, C) for sigmoid. ``mean`` is the
            sum divided by ``avg_factor``, or by the number of those elements. Or ``sum``.
        avg_factor: As MMDetection's heads pass it.

    Attributes:
        weight: Weight of the target's class times the given weight, float32 or float64, shape (N,),
            or (N, C) if logits were weighted.

    Raises:
        InputError: If shapes do not fit, or an argument is out of its range.
    """

    def __init__(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None,
        *,
        use_sigmoid: bool,
        class_weights: Tensor | None = None,
        background_weight: float = 1.0,
        reduction: str = 'mean',
        avg_factor: float | Tensor | None = None,
    ) -> None:
        check_not_negative('background_weight', background_weight)
        check_reduction(reduction)
        if reduction == 'sum' and avg_factor is not None:
            raise InputError('avg_factor cannot be used with reduction="sum"')
        num_classes = pred.size(1) - (not use_sigmoid) if pred.dim() == 2 else -1
        if num_classes < 1 or target.size(0) != pred.size(0):
            raise InputError(
                'pred must have the shape (N, classes), one more than classes for softmax, and '
                f'target N rows, but they are {tuple(pred.shape)} and {tuple(target.shape)}'
            )
        if target.dim() != 1 and not (use_sigmoid and target.shape == pred.shape):
            raise InputError(
                'target must hold class indices, shape (N,), or for sigmoid one probability for '
                f'each logit, but has the shape {tuple(target.shape)}'
            )
        class_weights = pred.new_ones(num_classes) if class_weights is None else class_weights
        check_number(class_weights.numel(), num_classes)
        if class_weights.device.type == 'cpu' and bool((class_weights < 0).any()):
            # On an accelerator, this would force a synchronization.
            raise InputError(f'class_weights must be >= 0, but are {class_weights.tolist()}')
        class_weights = class_weights.to(_at_least_float32(pred))
        sample_weights = _weigh_samples(target, class_weights, background_weight)
        shape = pred.shape if use_sigmoid else pred.shape[:1]
        self.weight = _join_weights(sample_weights, weight, shape)
        self.use_sigmoid = use_sigmoid
        self.reduction = reduction
        self.avg_factor = avg_factor

    def __call__(self, loss: Tensor) -> Tensor:
        """Weighs losses of shape (N,) or (N, C) and reduces them."""
        loss = loss * (self.weight if self.weight.dim() == loss.dim() else self.weight[:, None])
        return loss if self.reduction == 'none' else self.average(loss.sum(), loss.numel())

    def average(self, total: Tensor, count: int) -> Tensor:
        """Reduces a sum of ``count`` losses as MMDetection does, except that an empty mean is 0."""
        if self.reduction == 'sum':
            return total
        if self.avg_factor is None:
            return total / max(count, 1)
        return total / (self.avg_factor + torch.finfo(torch.float32).eps)


def _weigh_samples(target: Tensor, class_weights: Tensor, background_weight: float) -> Tensor:
    if target.dim() == 1:
        table = F.pad(class_weights, (0, 1), value=background_weight)
        return table.index_select(0, target.clamp(min=0)) * (target >= 0)
    target = target.to(class_weights.dtype)
    total = target.sum(1)
    mean = (target * class_weights).sum(1) / total.clamp(min=1e-12)
    return mean.masked_fill(total <= 0, background_weight)


def _join_weights(samples: Tensor, weight: Tensor | None, shape: torch.Size) -> Tensor:
    if weight is None:
        return samples
    if weight.shape == samples.shape:
        return samples * weight
    if weight.shape in (shape, (shape.numel(),)):
        return samples[:, None] * weight.reshape(shape)
    raise InputError(
        f'weight must have the shape {tuple(shape[:1])} or {tuple(shape)}, '
        f'but has {tuple(weight.shape)}'
    )


def check_reduction(reduction: str) -> None:
    """Raises an InputError unless it is one of those that a :class:`Reducer` knows."""
    if reduction not in ('none', 'mean', 'sum'):
        raise InputError(f'reduction must be one of none, mean and sum, but is {reduction!r}')


def weighted_cross_entropy(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    use_sigmoid: bool = False,
    label_smoothing: float = 0.0,
    **weighing: Any,  # noqa: ANN401
) -> Tensor:
    """Cross-entropy in which a sample weighs as much as the class of its target.

    Args:
        pred: Logits, shape (N, C) for sigmoid and (N, C + 1) for softmax, background last; computed
            in float32 at least.
        target: Class indices, int64, shape (N,): C is background, a negative one is ignored. For
            sigmoid also probabilities, shape (N, C): a sample weighs the mean of its classes'
            weights, a row of zeros is background.
        weight: Weight of each sample, shape (N,), or of each logit, shape (N, C) or (N * C,).
        use_sigmoid: Use binary cross-entropy of each class instead of softmax over all of them.
        label_smoothing: In [0, 1). Softmax: this much of the target is spread evenly over the
            C + 1 channels; sigmoid: t becomes ``(1 - label_smoothing) * t + label_smoothing / 2``.
        weighing: See :class:`Reducer`.

    Returns:
        Loss in nats; 0 for an empty batch.

    Raises:
        InputError: If shapes do not fit, or an argument is out of its range.

    >>> logits = torch.zeros(2, 3)
    >>> weighted_cross_entropy(
    ...     logits, torch.tensor([1, 2]), class_weights=torch.tensor([1.0, 3.0]), reduction='none')
    tensor([3.2958, 1.0986])
    """
    check_below_one('label_smoothing', label_smoothing)
    reducer = Reducer(pred, target, weight, use_sigmoid=use_sigmoid, **weighing)
    return _weigh_loss(pred, target, reducer, gamma=0, label_smoothing=label_smoothing)


def weighted_focal_loss(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    use_sigmoid: bool = True,
    gamma: float = 2.0,
    alpha: float | None = None,
    **weighing: Any,  # noqa: ANN401
) -> Tensor:
    """Focal loss in which a sample weighs as much as the class of its target.

    See :mod:`~.focal_loss` for the formulas; ``gamma=0`` is cross-entropy. All other arguments are
    as for :func:`weighted_cross_entropy`. ``alpha`` is the weight of objects and ``1 - alpha``
    that of background; it may not be given together with ``class_weights``.

    >>> logits = torch.tensor([[0.0, 0.0]])  # p is 1/2: 1/4 of log(2) for each of two classes
    >>> weighted_focal_loss(logits, torch.tensor([1]), reduction='sum')
    tensor(0.3466)
    """
    check_not_negative('gamma', gamma)
    if alpha is not None and not 0 <= alpha <= 1:
        raise InputError(f'alpha must be in [0, 1], but is {alpha}')
    if alpha is not None and weighing.get('class_weights') is not None:
        raise InputError(
            'alpha and class_weights both weigh the objects: give one of them, and balance class '
            'weights against background by background_weight'
        )
    reducer = Reducer(pred, target, weight, use_sigmoid=use_sigmoid, **weighing)
    return _weigh_loss(pred, target, reducer, gamma=gamma, alpha=alpha)


def _weigh_loss(
    pred: Tensor,
    target: Tensor,
    reducer: Reducer,
    *,
    gamma: float,
    alpha: float | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    dtype = _at_least_float32(pred)
    if not reducer.use_sigmoid:
        pred = pred.to(dtype)
        loss = softmax_focal_loss(pred, target, gamma, alpha=alpha, label_smoothing=label_smoothing)
        return reducer(loss)
    sums_samples = reducer.weight.dim() == 1 and reducer.reduction != 'none'
    if target.dim() == 1 and sums_samples and not label_smoothing:
        total = SigmoidFocalSum.apply(pred, target, reducer.weight, gamma, alpha)
        return reducer.average(total, pred.numel())
    if target.dim() == 1:
        target = target[:, None] == torch.arange(pred.size(1), device=pred.device)
    target = target.to(dtype)
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing / 2
    return reducer(sigmoid_focal_loss(pred.to(dtype), target, gamma, alpha=alpha))


def _at_least_float32(pred: Tensor) -> torch.dtype:
    return torch.promote_types(pred.dtype, torch.float32)
