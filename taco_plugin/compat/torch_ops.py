"""Ops of ``mmcv._ext`` that torchvision lacks, in plain torch; see :mod:`taco_plugin.compat.ops`.

The focal losses compute what mmcv's CUDA kernels do, with hard targets. Their tensors are:
``input``, logits or, for softmax, probabilities, shape (N, C); ``target``, class indices, int64,
shape (N,), where C is background for sigmoid and a negative index ignores the sample for softmax;
``weight``, a factor for each class, shape (C,) or empty; and last the tensor that is overwritten.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .torch_builds import import_torchvision

# Here, not when an op is called: torchvision cannot be imported while torch traces a model.
box_iou = import_torchvision().ops.box_iou

# The smallest normal float32: mmcv keeps logarithms finite with it, in every dtype.
FLT_MIN = torch.finfo(torch.float32).tiny


def widen(tensor: Tensor) -> Tensor:
    """Converts a tensor to float32, unless it is float64."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def with_offset(boxes: Tensor, offset: int) -> Tensor:
    """Adds ``offset`` to x2 and y2, so that the width is ``x2 - x1``; float32 or float64."""
    return widen(boxes) + boxes.new_tensor([0, 0, offset, offset])


def softnms(
    boxes: Tensor, scores: Tensor, dets: Tensor, iou_threshold: float, **settings: float
) -> Tensor:
    """Soft-NMS: a box that overlaps a better one loses score; below ``min_score`` it is dropped.

    Args:
        boxes: ``xyxy``, shape (N, 4).
        scores: Shape (N,).
        dets: Shape (N, 5); its first K rows are overwritten with boxes and scores.
        iou_threshold: Least IoU at which methods 0 (naive) and 1 (linear) act; 2 is gaussian.
        settings: ``method``, ``sigma``, ``min_score`` and ``offset`` of :func:`mmcv.ops.soft_nms`.

    Returns:
        Indices of the boxes that are kept, by descending score, int64, shape (K,).
    """
    left = torch.cat([with_offset(boxes, int(settings['offset'])), widen(scores)[:, None]], 1)
    index, kept = torch.arange(len(boxes), device=boxes.device), 0
    order = torch.empty_like(index)
    while len(index):
        best = left[:, 4].argmax()
        order[kept], dets[kept, 4] = index[best], left[best, 4]
        kept += 1
        iou = box_iou(left[best, None, :4], left[:, :4])[0]
        if settings['method'] == 2:
            left[:, 4] *= torch.exp(-(iou**2) / settings['sigma'])
        else:
            rest = 1 - iou if settings['method'] == 1 else 0
            left[:, 4] *= torch.where(iou >= iou_threshold, rest, 1)
        stays = left[:, 4] >= settings['min_score']
        stays[best] = False
        left, index = left[stays], index[stays]
    dets[:kept, :4] = boxes[order[:kept]]
    return order[:kept]


def ms_deform_attn_forward(
    value: Tensor, shapes: Tensor, starts: Tensor, locations: Tensor, weights: Tensor, **_: int
) -> Tensor:
    """Multi-scale deformable attention by mmcv's torch function, shape (B, queries, heads * C).

    mmcv itself calls that function on the CPU, and this op on a GPU. ``value`` are the features of
    all levels, one after the other, shape (B, cells, heads, C); ``shapes`` height and width of each
    level, shape (levels, 2); ``locations`` (x, y) in [0, 1], shape (B, queries, heads, levels,
    points, 2); ``weights`` the attention, without the last dimension; ``starts`` is not needed.
    """
    # Not at the top: mmcv.ops is what imports this module.
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch as attend

    return attend(widen(value), shapes.tolist(), widen(locations), widen(weights)).to(value.dtype)


def ms_deform_attn_backward(*tensors: Tensor, **_: int) -> None:
    """Writes the gradients w.r.t. ``value, locations, weights`` to the last three tensors."""
    value, shapes, starts, locations, weights, grad_output, *targets = tensors
    inputs = [tensor.detach().requires_grad_() for tensor in (value, locations, weights)]
    with torch.enable_grad():
        output = ms_deform_attn_forward(inputs[0], shapes, starts, inputs[1], inputs[2])
    for target, grad in zip(targets, torch.autograd.grad(output, inputs, grad_output), strict=True):
        target.copy_(grad)


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Eq. 5 of `Focal Loss <https://arxiv.org/abs/1708.02002>`_ for each class, shape (N, C)."""
    sign, factor, right, wrong = _of_classes(input, target, weight, alpha)
    output.copy_(-factor * wrong**gamma * _log(right))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Gradient of :func:`sigmoid_focal_loss_forward` w.r.t. the logits, shape (N, C)."""
    sign, factor, right, wrong = _of_classes(input, target, weight, alpha)
    grad_input.copy_(sign * factor * wrong**gamma * (gamma * right * _log(right) - wrong))


def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """``-alpha * (1 - p[t])**gamma * log(p[t])`` of each sample, shape (N,)."""
    p = widen(input).gather(1, target.clamp(min=0)[:, None])[:, 0]
    loss = -alpha * (1 - p) ** gamma * _log(p)
    output.copy_(torch.where(target >= 0, loss * _weight_of(target, weight, p), 0))


def softmax_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, buff: Tensor, grad_input: Tensor, **how: float
) -> None:
    """Gradient w.r.t. the logits, (N, C), and, in ``buff``, w.r.t. ``log(p[t])``, (N,)."""
    probability, gamma = widen(input), how['gamma']
    p = probability.gather(1, target.clamp(min=0)[:, None])[:, 0]
    # A certain prediction (p = 1) has no gradient, whatever the exponent: 0 * inf is avoided.
    slope = (1 - p).clamp(min=FLT_MIN) ** (gamma - 1) * (gamma * p * _log(p) - (1 - p))
    slope = how['alpha'] * slope * _weight_of(target, weight, p) * (target >= 0)
    buff.copy_(slope)
    grad_input.copy_(slope[:, None] * (_is_class(target, input).to(p) - probability))


def _of_classes(
    input: Tensor, target: Tensor, weight: Tensor, alpha: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sign (1 for the sample's class, else -1), factor, and p of right and wrong; each (N, C)."""
    is_class, logits = _is_class(target, input), widen(input)
    factor = torch.where(is_class, alpha, 1 - alpha) * _weight_of(target, weight, logits)[:, None]
    sign = torch.where(is_class, 1.0, -1.0).to(logits)
    return sign, factor, (sign * logits).sigmoid(), (-sign * logits).sigmoid()


def _log(p: Tensor) -> Tensor:
    return p.clamp(min=FLT_MIN).log()


def _is_class(target: Tensor, scores: Tensor) -> Tensor:
    """Whether a class is the sample's own, bool, shape (N, C)."""
    return target[:, None] == torch.arange(scores.shape[1], device=target.device)


def _weight_of(target: Tensor, weight: Tensor, like: Tensor) -> Tensor:
    """Weight of each sample's class, shape (N,); 1 for background, or if no weights are given."""
    if not weight.numel():
        return like.new_ones(len(target))
    return F.pad(weight.to(like), (0, 1), value=1)[target]
