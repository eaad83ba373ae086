"""What weighted losses share: the weight of each row, and the average."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import InputError

REDUCTIONS = ('none', 'mean', 'sum')


def row_weights(
    pred: Tensor,
    target: Tensor,
    class_weights: Tensor | None,
    background_weight: float,
    *,
    use_sigmoid: bool,
) -> Tensor:
    """Weight of each row by its target.

    Args:
        pred: Logits, shape (N, K).
        target: As for :func:`~.weighted.weighted_cross_entropy`.
        class_weights: Shape (C,); all 1 if None.
        background_weight: Of the rows that hold no object.
        use_sigmoid: If so, K is C and soft targets are allowed, otherwise K is C + 1.

    Returns:
        Shape (N,), float32 or float64: the weight of the target's class, the mean over the
        classes of a soft target, 0 for an ignored label.

    Raises:
        ValueError: If shapes or lengths do not fit.
    """
    check_background_weight(background_weight)
    num_classes = pred.size(1) - (not use_sigmoid) if pred.dim() == 2 else -1
    if num_classes < 1 or target.size(0) != pred.size(0):
        raise InputError(
            'pred must have the shape (N, classes), one more than classes for softmax, and '
            f'target N rows, but they are {tuple(pred.shape)} and {tuple(target.shape)}'
        )
    dtype = torch.promote_types(pred.dtype, torch.float32)
    if class_weights is None:
        class_weights = pred.new_ones(num_classes, dtype=dtype)
    if class_weights.shape != (num_classes,):
        raise InputError(
            f'class_weights must hold one weight for each of the {num_classes} classes, '
            f'without background, but holds {class_weights.numel()}'
        )
    if class_weights.device.type == 'cpu' and bool((class_weights < 0).any()):
        # On an accelerator it would have to be waited for.
        raise InputError(f'class_weights must be >= 0, but are {class_weights.tolist()}')
    weights = class_weights.to(dtype)
    if target.dim() == 1:
        table = F.pad(weights, (0, 1), value=background_weight)
        return table.index_select(0, target.clamp(min=0)) * (target >= 0)
    if not use_sigmoid or target.shape != pred.shape:
        raise InputError(
            'target must hold class indices, shape (N,), or for sigmoid one probability for each '
            f'logit, but has the shape {tuple(target.shape)}'
        )
    target = target.to(dtype)
    total = target.sum(1)
    mean = (target * weights).sum(1) / total.clamp(min=1e-12)
    return mean.masked_fill(total <= 0, background_weight)


def join_weights(rows: Tensor, weight: Tensor | None, loss: Tensor) -> Tensor:
    """Multiplies the weights of rows with those that MMDetection's heads give.

    Args:
        rows: Shape (N,).
        weight: Shape (N,), that of ``loss``, or that of ``loss`` flattened.
        loss: Shape (N,) or (N, C).

    Returns:
        Shape (N,) or that of ``loss``.

    Raises:
        ValueError: If ``weight`` has another shape.
    """
    if weight is None:
        return rows
    if weight.shape == rows.shape:
        return rows * weight
    if weight.shape in (loss.shape, (loss.numel(),)):
        return rows[:, None] * weight.reshape(loss.shape)
    raise InputError(
        f'weight must have the shape {tuple(loss.shape[:1])} or {tuple(loss.shape)}, '
        f'but has {tuple(weight.shape)}'
    )


def average(total: Tensor, count: int, avg_factor: float | Tensor | None, reduction: str) -> Tensor:
    """Divides a sum as MMDetection does, but where there is nothing to average the result is 0.

    Args:
        total: Sum of the losses.
        count: How many they are.
        avg_factor: To divide by instead of ``count``.
        reduction: ``mean`` or ``sum``.

    Raises:
        ValueError: If ``avg_factor`` is given with the sum.
    """
    if reduction == 'sum':
        if avg_factor is not None:
            raise InputError('avg_factor cannot be used with reduction="sum"')
        return total
    if avg_factor is None:
        return total / max(count, 1)
    return total / (avg_factor + torch.finfo(torch.float32).eps)


def check_reduction(reduction: str) -> None:
    """Raises a ValueError unless ``reduction`` is one of PyTorch's."""
    if reduction not in REDUCTIONS:
        raise InputError(f'reduction must be one of {REDUCTIONS}, but is {reduction!r}')


def check_background_weight(background_weight: float) -> None:
    """Raises a ValueError unless it is finite and >= 0."""
    if not 0 <= background_weight < math.inf:
        raise InputError(f'background_weight must be finite and >= 0, but is {background_weight}')
