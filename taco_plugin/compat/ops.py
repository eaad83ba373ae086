"""Replaces mmcv's compiled module ``mmcv._ext``, under whose name it is imported.

Every function has the name of its compiled counterpart, and takes what ``mmcv/ops/*.py`` passes:
tensors in mmcv's order, some of which are overwritten, and settings by mmcv's names. It runs on
the device of its inputs. Half precision is widened to float32, as torchvision's autocast does.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from taco_plugin.compat import torch_ops
from taco_plugin.compat.torch_ops import widen, with_offset

torchvision = torch.ops.torchvision


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Indices of the boxes that NMS keeps, by descending score, int64, shape (K,).

    A box, ``xyxy``, shape (N, 4), is dropped if its IoU with a kept one exceeds the threshold.
    ``offset`` is 1 if ``x2`` and ``y2`` are the last pixels inside a box, else 0.

    >>> boxes = torch.tensor([[0.0, 0, 9, 10], [0, 0, 10, 10], [20, 20, 30, 30]])
    >>> nms(boxes, torch.tensor([0.8, 0.9, 0.7]), iou_threshold=0.5, offset=0)
    tensor([1, 2])
    """
    boxes = with_offset(boxes, offset)
    # mmcv's threshold is a float32: an IoU of 3/10 does not exceed 0.3.
    return torchvision.nms(boxes, scores.to(boxes), float(np.float32(iou_threshold)))


def roi_align_forward(input: Tensor, rois: Tensor, output: Tensor, *_: Tensor, **how: Any) -> None:  # noqa: ANN401
    """Average-pools the features of each RoI into the bins of ``output``.

    Args:
        input: Features, shape (B, C, H, W).
        rois: (image, x1, y1, x2, y2), absolute pixels, shape (N, 5).
        output: Overwritten, shape (N, C, aligned_height, aligned_width).
        how: The settings of :class:`mmcv.ops.RoIAlign`.

    Raises:
        NotImplementedError: For max pooling.
        ValueError: If, on the CPU, a RoI is not finite, or has a negative size with ``aligned``.
    """
    if not how['pool_mode']:
        _raise_not_available('roi_align_forward with pool_mode="max"')
    if not rois.is_cuda:  # would stall a GPU; on the CPU torchvision crashes on a NaN
        negative = how['aligned'] and (rois[:, 3:] < rois[:, 1:3]).any()
        if negative or not rois.isfinite().all():
            raise ValueError('rois must be finite, with x2 >= x1 and y2 >= y1')
    features, scale, bins = widen(input), how['spatial_scale'], output.shape[2:]
    settings = (how['sampling_ratio'], how['aligned'])
    output.copy_(torchvision.roi_align(features, rois.to(features), scale, *bins, *settings))


def roi_align_backward(grad_output: Tensor, rois: Tensor, *tensors: Tensor, **how: Any) -> None:  # noqa: ANN401
    """Adds the gradient of :func:`roi_align_forward` w.r.t. ``input`` to the last tensor."""
    grad, scale = widen(grad_output), how['spatial_scale']
    sizes = (*grad.shape[2:], *tensors[-1].shape)
    settings = (how['sampling_ratio'], how['aligned'])
    tensors[-1].add_(torchvision._roi_align_backward(grad, rois.to(grad), scale, *sizes, *settings))


def deform_conv_forward(*tensors: Tensor, **settings: int) -> None:
    """Deformable convolution (DCN v1), written to ``output``.

    ``input`` has the shape (B, C, H, W), ``weight`` (D, C / group, kH, kW), and ``offset``, which
    is (y, x) of each kernel tap in cells, (B, deformable_group * kH * kW * 2, h, w).
    """
    input, weight, offset, output, *_scratch = tensors
    output.copy_(torchvision.deform_conv2d(*_dcn(output, input, weight, offset, **settings)))


def deform_conv_backward_input(*tensors: Tensor, **settings: int) -> None:
    """Gradients w.r.t. ``input`` and ``offset``; that of ``weight`` is left in ``columns``."""
    input, offset, grad_output, grad_input, grad_offset, weight, columns = tensors
    arguments = _dcn(grad_output, input, weight, offset, **settings)
    grads = torchvision._deform_conv2d_backward(widen(grad_output), *arguments)
    grad_input.copy_(grads[0])
    grad_offset.copy_(grads[2])
    columns.resize_(weight.shape).copy_(grads[1])


def deform_conv_backward_parameters(*tensors: Tensor, scale: float, **settings: int) -> None:
    """Adds the gradient w.r.t. ``weight`` to ``grad_weight``."""
    input, offset, grad_output, grad_weight, grads, _ones = tensors
    if not grads.numel():  # only the weights are trained
        arguments = _dcn(grad_output, input, torch.zeros_like(grad_weight), offset, **settings)
        grads = torchvision._deform_conv2d_backward(widen(grad_output), *arguments)[1]
    grad_weight += grads * scale


def modulated_deform_conv_forward(*tensors: Tensor, **settings: int) -> None:
    """Modulated deformable convolution (DCN v2), written to ``output``.

    As :func:`deform_conv_forward`, with a ``bias``, shape (D,) or empty, and the ``mask``, which is
    the factor of each kernel tap, shape (B, deformable_group * kH * kW, h, w).
    """
    input, weight, bias, _ones, offset, mask, output, _columns = tensors
    arguments = _dcn(output, input, weight, offset, mask, bias, **settings)
    output.copy_(torchvision.deform_conv2d(*arguments))


def modulated_deform_conv_backward(*tensors: Tensor, **settings: int) -> None:
    """Gradients w.r.t. all five tensors, of which ``bias`` may be empty."""
    input, weight, bias, _ones, offset, mask, _columns, *targets, grad_output = tensors
    arguments = _dcn(grad_output, input, weight, offset, mask, bias, **settings)
    grads = torchvision._deform_conv2d_backward(widen(grad_output), *arguments)
    for target, number in zip(targets, (0, 1, 4, 2, 3), strict=True):
        grad = grads[number]
        if target.shape[2:] != grad.shape[2:]:  # the forward pass did not read all of it
            unread = target[0].numel() - grad[0].numel()
            grad = F.pad(grad.flatten(1), (0, unread)).view_as(target)
        if target.numel():
            target.copy_(grad)


# Arguments that torchvision takes in this order, by mmcv's names.
GEOMETRY = ('dH', 'dW', 'padH', 'padW', 'dilationH', 'dilationW', 'group', 'deformable_group')
MODULATED_GEOMETRY = (
    *('stride_h', 'stride_w', 'pad_h', 'pad_w', 'dilation_h', 'dilation_w'),
    *('group', 'deformable_group'),
)


def _dcn(output: Tensor, *tensors: Tensor, **settings: int) -> tuple[Any, ...]:
    """Arguments of torchvision's ops from ``input, weight, offset`` and, for v2, ``mask, bias``.

    mmcv does not check the size of v2's offsets and masks. DyHead passes those of a larger level;
    mmcv reads their first numbers as if they had the size of ``output``, and DyHead is trained so.
    """
    input, weight, offset, *rest = tensors
    mask, bias = rest or (input.new_zeros(len(input), 1), input.new_empty(0))
    if rest:
        size = output.shape[2:]
        offset, mask = (
            part.flatten(1)[:, : part.shape[1] * size.numel()].reshape(*part.shape[:2], *size)
            for part in (offset, mask)
        )
    # mmcv treats a NaN as outside the features; torchvision crashes on it.
    offset = offset.nan_to_num(1e4, 1e4, -1e4)
    bias = bias if bias.numel() else input.new_zeros(len(weight))
    geometry = [settings[name] for name in (MODULATED_GEOMETRY if rest else GEOMETRY)]
    return (*map(widen, (input, weight, offset, mask, bias)), *geometry, bool(rest))


def get_compiler_version() -> str:
    """What ``mmcv.utils.collect_env`` reports as the compiler of mmcv's ops."""
    return 'n/a (ops by taco_plugin.compat)'


get_compiling_cuda_version = get_compiler_version


def __getattr__(name: str) -> Callable[..., Any]:
    """An op that torchvision lacks; mmcv asks for every op when it is imported."""
    if not name.startswith('_'):
        if hasattr(torch_ops, name):
            return getattr(torch_ops, name)
        if __name__ == 'mmcv._ext':
            return partial(_raise_not_available, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def _raise_not_available(op: str, *_: Any, **__: Any) -> NoReturn:  # noqa: ANN401
    raise NotImplementedError(
        f'mmcv op {op!r} is not available: neither mmcv-lite nor taco_plugin.compat has it. Use a '
        'config without it, or compiled mmcv 2.1.0 in place of mmcv-lite (which compiles against '
        'torch 2.13, but not against 2.14)'
    )
