"""Sigmoid focal loss: its formula, and its sum for class indices in one pass over the logits."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK_ELEMENTS = 2**17
"""Logits that a CPU works on at a time: small enough for its cache, large enough for threads."""

SOFTPLUS_THRESHOLD = 50.0
"""Above it, softplus(x) is x; exact in float64."""


def sigmoid_focal_loss(
    pred: Tensor, target: Tensor, gamma: float = 2.0, alpha: float | None = None
) -> Tensor:
    """Sigmoid focal loss of each logit.

    ``(1 - p_t)**gamma * -log(p_t)`` with ``p_t = t * p + (1 - t) * (1 - p)``, eq. 4 of
    `Focal Loss <https://arxiv.org/abs/1708.02002>`_, times ``alpha`` for t = 1 and ``1 - alpha``
    for t = 0; for t in between as torchvision and mmcv continue it. ``gamma=0`` is binary
    cross-entropy.

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
        wrong = p + target - 2 * p * target
        # At exactly 0 the derivative of a power below 1 is infinite.
        loss = loss * wrong.clamp(min=torch.finfo(pred.dtype).tiny) ** gamma
    if alpha is not None:
        loss = loss * (alpha * target + (1 - alpha) * (1 - target))
    return loss


class SigmoidFocalSum(torch.autograd.Function):
    """Weighted sum of :func:`sigmoid_focal_loss` for class indices.

    Loss and gradient come from one pass over the logits, in chunks that stay in the cache. Every
    logit is first taken for background, then the few of the objects' classes are put right.
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
        """Sum of the weighted losses, a scalar.

        Args:
            ctx: Keeps the gradient.
            pred: Logits, shape (N, C).
            target: Class indices, int64, shape (N,); one outside of [0, C) is background.
            weight: Of each row, shape (N,), float32 or float64.
            gamma: See :func:`sigmoid_focal_loss`.
            alpha: See :func:`sigmoid_focal_loss`.
        """
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
        rows = ((target >= 0) & (target < pred.size(1))).nonzero().squeeze(1)
        labels, weight = target[rows], weight[rows]
        logits = pred[rows, labels].to(weight.dtype)
        slope = torch.empty_like(logits)
        as_background = _background_loss(logits, gamma, out=slope)
        as_object = _background_loss(-logits, gamma, out=slope)
        total += ((as_object * positive - as_background * negative) * weight).sum()
        gradient[rows, labels] = slope * weight * -positive
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
    loss = F.softplus(logits, threshold=SOFTPLUS_THRESHOLD)
    p = logits.sigmoid()
    if not gamma:
        out.copy_(p)
        return loss
    torch.addcmul(loss, p, loss, value=-1, out=out).mul_(gamma).add_(p)
    factor = p.pow_(gamma)
    out.mul_(factor)
    return loss.mul_(factor)
