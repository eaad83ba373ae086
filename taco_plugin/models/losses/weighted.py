"""Cross-entropy and focal loss with a weight for each class, as functions."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import InputError
from .reduction import average, check_reduction, join_weights, row_weights
from .sigmoid import SigmoidFocalSum, sigmoid_focal_loss


def weighted_cross_entropy(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    use_sigmoid: bool = False,
    class_weights: Tensor | None = None,
    background_weight: float = 1.0,
    label_smoothing: float = 0.0,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    """Cross-entropy in which a row weighs as much as the class of its target.

    Args:
        pred: Logits, shape (N, C) for sigmoid and (N, C + 1) for softmax, background last; computed
            in float32 at least.
        target: Class indices, int64, shape (N,): C is background, a negative one is ignored. For
            sigmoid also probabilities, shape (N, C): a row weighs the mean of its classes'
            weights, a row of zeros is background.
        weight: Of each row, shape (N,), or of each logit, shape (N, C) or (N * C,).
        use_sigmoid: Binary cross-entropy of each class, or cross-entropy over all.
        class_weights: Shape (C,), >= 0; all 1 if None.
        background_weight: Of the rows of background, >= 0.
        label_smoothing: In [0, 1). Softmax: this much of the target is spread evenly over the
            C + 1 channels; sigmoid: t becomes ``(1 - label_smoothing) * t + label_smoothing / 2``.
        reduction: ``none``: shape (N,) for softmax, (N, C) for sigmoid. ``mean``: divided by
            ``avg_factor``, or by the number of elements of ``none``. ``sum``.
        avg_factor: As MMDetection's heads give it.

    Returns:
        Loss in nats; 0 for an empty batch.

    Raises:
        ValueError: If shapes do not fit, or an argument is out of its range.

    >>> logits = torch.zeros(2, 3)
    >>> weighted_cross_entropy(
    ...     logits, torch.tensor([1, 2]), class_weights=torch.tensor([1.0, 3.0]), reduction='none')
    tensor([3.2958, 1.0986])
    """
    check_label_smoothing(label_smoothing)
    rows = row_weights(pred, target, class_weights, background_weight, use_sigmoid=use_sigmoid)
    if not use_sigmoid:
        loss = _softmax_loss(pred, target, label_smoothing=label_smoothing)
        return _reduce(loss, join_weights(rows, weight, loss), avg_factor, reduction)
    return _sigmoid_loss(
        *(pred, target, rows, weight, avg_factor, reduction), label_smoothing=label_smoothing
    )


def weighted_focal_loss(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    use_sigmoid: bool = True,
    gamma: float = 2.0,
    alpha: float | None = None,
    class_weights: Tensor | None = None,
    background_weight: float = 1.0,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    """Focal loss in which a row weighs as much as the class of its target.

    Sigmoid: see :func:`~.sigmoid.sigmoid_focal_loss`. Softmax:
    ``(1 - p[t])**gamma * -log(p[t])``, eq. 4 of `Focal Loss <https://arxiv.org/abs/1708.02002>`_.

    Args:
        pred: See :func:`weighted_cross_entropy`.
        target: See :func:`weighted_cross_entropy`.
        weight: See :func:`weighted_cross_entropy`.
        use_sigmoid: A focal loss for each class, or over all.
        gamma: Focusing exponent, >= 0; 0 is cross-entropy.
        alpha: Weight of objects, ``1 - alpha`` is that of background: for sigmoid of each logit,
            for softmax of each row. None for neither; not together with ``class_weights``.
        class_weights: Shape (C,), >= 0; all 1 if None.
        background_weight: Of the rows of background, >= 0.
        reduction: See :func:`weighted_cross_entropy`.
        avg_factor: See :func:`weighted_cross_entropy`.

    Returns:
        Loss in nats; 0 for an empty batch.

    Raises:
        ValueError: If shapes do not fit, or an argument is out of its range.

    >>> logits = torch.tensor([[0.0, 0.0]])  # p is 1/2: 1/4 of log(2) for each of two classes
    >>> weighted_focal_loss(logits, torch.tensor([1]), reduction='sum')
    tensor(0.3466)
    """
    check_focal(gamma, alpha, class_weights is not None)
    rows = row_weights(pred, target, class_weights, background_weight, use_sigmoid=use_sigmoid)
    if use_sigmoid:
        return _sigmoid_loss(
            *(pred, target, rows, weight, avg_factor, reduction), gamma=gamma, alpha=alpha
        )
    if alpha is not None:
        background = target == pred.size(1) - 1
        rows = rows * torch.full_like(rows, alpha).masked_fill(background, 1 - alpha)
    loss = _softmax_loss(pred, target, gamma=gamma)
    return _reduce(loss, join_weights(rows, weight, loss), avg_factor, reduction)


def check_label_smoothing(label_smoothing: float) -> None:
    """Raises a ValueError unless it is in [0, 1)."""
    if not 0 <= label_smoothing < 1:
        raise InputError(f'label_smoothing must be in [0, 1), but is {label_smoothing}')


def check_focal(gamma: float, alpha: float | None, has_class_weights: bool) -> None:
    """Raises a ValueError unless the arguments of a focal loss fit."""
    if not 0 <= gamma < math.inf:
        raise InputError(f'gamma must be finite and >= 0, but is {gamma}')
    if alpha is not None and not 0 <= alpha <= 1:
        raise InputError(f'alpha must be in [0, 1], but is {alpha}')
    if alpha is not None and has_class_weights:
        raise InputError(
            'alpha and class_weights both weigh the objects: give one of them, and balance class '
            'weights against background by background_weight'
        )


def _float(pred: Tensor) -> Tensor:
    return pred.to(torch.promote_types(pred.dtype, torch.float32))


def _softmax_loss(
    pred: Tensor, target: Tensor, gamma: float = 0.0, label_smoothing: float = 0.0
) -> Tensor:
    """Softmax focal loss of each row, shape (N,); ignored rows are for weights of 0 to hide."""
    loss = F.cross_entropy(
        _float(pred), target.clamp(min=0), reduction='none', label_smoothing=label_smoothing
    )
    if gamma:
        wrong = -torch.expm1(-loss)
        # At exactly 0 the derivative of a power below 1 is infinite.
        loss = loss * wrong.clamp(min=torch.finfo(loss.dtype).tiny) ** gamma
    return loss


def _sigmoid_loss(
    pred: Tensor,
    target: Tensor,
    rows: Tensor,
    weight: Tensor | None,
    avg_factor: float | Tensor | None,
    reduction: str,
    gamma: float = 0.0,
    alpha: float | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    weight = join_weights(rows, weight, pred)
    if target.dim() == weight.dim() == 1 and reduction in ('mean', 'sum') and not label_smoothing:
        total = SigmoidFocalSum.apply(pred, target, weight, gamma, alpha)
        return average(total, pred.numel(), avg_factor, reduction)
    if target.dim() == 1:
        classes = torch.arange(pred.size(1), device=pred.device)
        target = target[:, None] == classes
    pred = _float(pred)
    target = target.to(pred.dtype)
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing / 2
    loss = sigmoid_focal_loss(pred, target, gamma, alpha)
    return _reduce(loss, weight, avg_factor, reduction)


def _reduce(
    loss: Tensor, weight: Tensor, avg_factor: float | Tensor | None, reduction: str
) -> Tensor:
    """Weighs losses of shape (N,) or (N, C), by row or each, and reduces them."""
    check_reduction(reduction)
    loss = loss * (weight if weight.dim() == loss.dim() else weight[:, None])
    if reduction == 'none':
        return loss
    return average(loss.sum(), loss.numel(), avg_factor, reduction)
