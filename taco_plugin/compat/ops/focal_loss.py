"""Focal loss with hard targets, as mmcv's CUDA kernels compute it."""

import torch
import torch.nn.functional as F
from torch import Tensor

# The smallest normal float32: mmcv keeps logarithms finite with it, in every dtype.
FLT_MIN = torch.finfo(torch.float32).tiny


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Sigmoid focal loss of each sample and class, into ``output``.

    Eq. 5 of `Focal Loss <https://arxiv.org/abs/1708.02002>`_.

    Args:
        input: Logits, shape (N, C).
        target: Class indices in [0, C], where C is background, int64, shape (N,).
        weight: Factor of the samples of each class, shape (C,), or empty for none.
        output: Is overwritten, shape (N, C).
        gamma: Focusing exponent.
        alpha: Share of the positive class; the negatives have ``1 - alpha``.
    """
    p = _widen(input).sigmoid()
    positive = -alpha * (1 - p) ** gamma * _log(p)
    negative = -(1 - alpha) * p**gamma * _log(1 - p)
    loss = torch.where(_is_class(target, p), positive, negative)
    output.copy_(loss * _weight_of(target, weight, p)[:, None])


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Derivative of :func:`sigmoid_focal_loss_forward` by ``input``, into ``grad_input``.

    Args:
        input: Logits, shape (N, C).
        target: Class indices in [0, C], int64, shape (N,).
        weight: Factor of the samples of each class, shape (C,), or empty for none.
        grad_input: Is overwritten, shape (N, C).
        gamma: Focusing exponent.
        alpha: Share of the positive class.
    """
    p = _widen(input).sigmoid()
    positive = -alpha * (1 - p) ** gamma * (1 - p - gamma * p * _log(p))
    negative = -(1 - alpha) * p**gamma * (gamma * (1 - p) * _log(1 - p) - p)
    grad = torch.where(_is_class(target, p), positive, negative)
    grad_input.copy_(grad * _weight_of(target, weight, p)[:, None])


def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Softmax focal loss of each sample, ``-alpha * (1 - p[t])**gamma * log(p[t])``.

    Args:
        input: Probabilities, shape (N, C).
        target: Class indices below C, int64, shape (N,); samples with a negative one are ignored.
        weight: Factor of the samples of each class, shape (C,), or empty for none.
        output: Is overwritten, shape (N,).
        gamma: Focusing exponent.
        alpha: Factor of the loss.
    """
    p = _of_target(_widen(input), target)
    loss = -alpha * (1 - p) ** gamma * _log(p)
    output.copy_(torch.where(target >= 0, loss * _weight_of(target, weight, p), 0))


def softmax_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    buff: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Derivative of :func:`softmax_focal_loss_forward` by the logits, into ``grad_input``.

    Args:
        input: Probabilities, shape (N, C).
        target: Class indices below C, int64, shape (N,); samples with a negative one are ignored.
        weight: Factor of the samples of each class, shape (C,), or empty for none.
        buff: Is overwritten with the derivative by ``log(p[t])``, shape (N,).
        grad_input: Is overwritten, shape (N, C).
        gamma: Focusing exponent.
        alpha: Factor of the loss.
    """
    probability = _widen(input)
    p = _of_target(probability, target)
    # A certain prediction (p = 1) has no gradient, whatever the exponent: 0 * inf is avoided.
    rest = (1 - p).clamp(min=FLT_MIN)
    slope = alpha * (gamma * rest ** (gamma - 1) * p * _log(p) - (1 - p) ** gamma)
    slope = torch.where(target >= 0, slope * _weight_of(target, weight, p), 0)
    buff.copy_(slope)
    grad_input.copy_(
        slope[:, None] * (_is_class(target, probability).to(probability) - probability)
    )


def _widen(tensor: Tensor) -> Tensor:
    """Half precision has no FLT_MIN, and too few digits beside 1."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _log(p: Tensor) -> Tensor:
    return p.clamp(min=FLT_MIN).log()


def _is_class(target: Tensor, probability: Tensor) -> Tensor:
    """Shape (N, C): whether a class is the sample's own."""
    return target[:, None] == torch.arange(probability.shape[1], device=target.device)


def _of_target(probability: Tensor, target: Tensor) -> Tensor:
    """Shape (N,): probability of each sample's class, or of class 0 if it is ignored."""
    return probability.gather(1, target.clamp(min=0)[:, None])[:, 0]


def _weight_of(target: Tensor, weight: Tensor, like: Tensor) -> Tensor:
    """Shape (N,): weight of each sample's class, 1 for background and without weights."""
    if not weight.numel():
        return like.new_ones(len(target))
    return F.pad(weight.to(like), (0, 1), value=1)[target]
