"""Formulas of softmax and sigmoid focal loss; with ``gamma=0``, either is cross-entropy."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK_ELEMENTS = 2**17
"""Logits that a CPU works on at a time: small enough for its cache, large enough for threads."""


def softmax_focal_loss(
    pred: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    *,
    alpha: float | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Softmax focal loss of each sample.

    ``-(1 - p[t])**gamma * log(p[t])``, eq. 4 of `Focal Loss <https://arxiv.org/abs/1708.02002>`_,
    times ``alpha`` for objects and ``1 - alpha`` for background, which is the last channel.

    Args:
        pred: Logits, shape (N, K), float32 or float64.
        target: Class indices, int64, shape (N,). The loss for a negative index is meaningless.
        gamma: Focusing exponent, >= 0.
        alpha: Balance of objects and background, in [0, 1].
        label_smoothing: In [0, 1): this much of the target is spread evenly over the channels.

    Returns:
        Loss in nats, shape (N,).
    """
    loss = F.cross_entropy(
        pred, target.clamp(min=0), reduction='none', label_smoothing=label_smoothing
    )
    if gamma:
        loss = _focus(loss, -torch.expm1(-loss), gamma)
    if alpha is not None:
        is_background = target == pred.size(1) - 1
        loss = loss * torch.full_like(loss, alpha).masked_fill(is_background, 1 - alpha)
    return loss


def sigmoid_focal_loss(
    pred: Tensor, target: Tensor, gamma: float = 2.0, *, alpha: float | None = None
) -> Tensor:
    """Sigmoid focal loss of each logit.

    ``(1 - p_t)**gamma * -log(p_t)`` with ``p_t = t * p + (1 - t) * (1 - p)``, eq. 4 of
    `Focal Loss <https://arxiv.org/abs/1708.02002>`_, times ``alpha`` for t = 1 and ``1 - alpha``
    for t = 0; soft targets in between are handled as in torchvision and mmcv.

    Args:
        pred: Logits, any shape, float32 or float64.
        target: Probabilities t, of the shape of ``pred``.
        gamma: Focusing exponent, >= 0.
        alpha: Balance of objects and background, in [0, 1].

    Returns:
        Loss in nats, of the shape of ``pred``.
    """
    loss = F.binary_cross_entropy_with_logits(pred, target, reduction='none')
    if gamma:
        p = pred.sigmoid()
        loss = _focus(loss, p + target - 2 * p * target, gamma)
    if alpha is not None:
        loss = loss * (alpha * target + (1 - alpha) * (1 - target))
    return loss


def _focus(loss: Tensor, wrong: Tensor, gamma: float) -> Tensor:
    # At exactly 0 the derivative of a power below 1 is infinite.
    return loss * wrong.clamp(min=torch.finfo(loss.dtype).tiny) ** gamma


class SigmoidFocalSum(torch.autograd.Function):
    """Weighted sum of :func:`sigmoid_focal_loss` for class indices, a scalar.

    Loss and gradient come from one pass over the logits, shape (N, C), in chunks that fit in
    the cache. Every logit is first treated as background, then the few that belong to objects are
    corrected. A class index outside of [0, C) is background; each sample has one weight.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        pred: Tensor,
        target: Tensor,
        weight: Tensor,
        gamma: float,
        alpha: float | None,
    ) -> Tensor:
        """Sums the losses, and keeps the gradient."""
        positive, negative = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
        gradient = torch.empty(pred.shape, dtype=weight.dtype, device=pred.device)
        total = weight.new_zeros(())
        chunk = CHUNK_ELEMENTS if pred.device.type == 'cpu' else pred.numel()
        step = max(1, chunk // pred.size(1))
        for begin in range(0, pred.size(0), step):
            part = slice(begin, begin + step)
            loss = _background_loss(pred[part].to(weight.dtype), gamma, out=gradient[part])
            total += (loss.sum(1) * weight[part]).sum() * negative
            gradient[part] *= (weight[part] * negative)[:, None]
        objects = ((target >= 0) & (target < pred.size(1))).nonzero().squeeze(1)
        labels, weight = target[objects], weight[objects]
        logits = pred[objects, labels].to(weight.dtype)
        slope = torch.empty_like(logits)
        as_background = _background_loss(logits, gamma, out=slope)
        as_object = _background_loss(-logits, gamma, out=slope)
        total += ((as_object * positive - as_background * negative) * weight).sum()
        gradient[objects, labels] = slope * weight * -positive
        ctx.save_for_backward(gradient)
        ctx.dtype = pred.dtype
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Gradient of the logits; there is no second derivative."""
        (gradient,) = ctx.saved_tensors
        return (gradient * grad_output).to(ctx.dtype), None, None, None, None


def _background_loss(logits: Tensor, gamma: float, out: Tensor) -> Tensor:
    """``p**gamma * -log(1 - p)`` of each logit; its derivative is written to ``out``.

    The derivative is ``p**gamma * (p - gamma * (1 - p) * log(1 - p))``, appendix B of `Focal Loss
    <https://arxiv.org/abs/1708.02002>`_. An object's logit x has the loss of background's -x.
    """
    loss = F.softplus(logits, threshold=50)  # above it, softplus(x) is x, even in float64
    p = logits.sigmoid()
    if not gamma:
        out.copy_(p)
        return loss
    torch.addcmul(loss, p, loss, value=-1, out=out).mul_(gamma).add_(p)
    factor = p.pow_(gamma)
    out.mul_(factor)
    return loss.mul_(factor)
