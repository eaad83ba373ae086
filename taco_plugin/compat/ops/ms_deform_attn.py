"""Multi-scale deformable attention by mmcv's own PyTorch version of it.

MMDetection calls that version by itself on the CPU, and the compiled op on a GPU only.
"""

import torch
from torch import Tensor


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Attends to a few sampled points of each level.

    Args:
        value: Features of all levels, one after the other, shape (B, cells, heads, C).
        value_spatial_shapes: Height and width of each level, int64, shape (levels, 2).
        value_level_start_index: Not needed: levels follow each other without gaps.
        sampling_locations: (x, y) in [0, 1], shape (B, queries, heads, levels, points, 2).
        attention_weights: Shape (B, queries, heads, levels, points).
        im2col_step: Not needed: the compiled op's batch per kernel.

    Returns:
        Shape (B, queries, heads * C).
    """
    # Not at the top: mmcv.ops is what imports this package.
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    shapes = value_spatial_shapes.tolist()
    return multi_scale_deformable_attn_pytorch(value, shapes, sampling_locations, attention_weights)


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Derivatives of :func:`ms_deform_attn_forward`, into the three ``grad_`` tensors.

    Args:
        value: As in the forward pass.
        value_spatial_shapes: As in the forward pass.
        value_level_start_index: As in the forward pass.
        sampling_locations: As in the forward pass.
        attention_weights: As in the forward pass.
        grad_output: Shape (B, queries, heads * C).
        grad_value: Is overwritten, shape of ``value``.
        grad_sampling_loc: Is overwritten, shape of ``sampling_locations``.
        grad_attn_weight: Is overwritten, shape of ``attention_weights``.
        im2col_step: As in the forward pass.
    """
    inputs = [
        tensor.detach().requires_grad_()
        for tensor in (value, sampling_locations, attention_weights)
    ]
    with torch.enable_grad():
        output = ms_deform_attn_forward(
            inputs[0],
            value_spatial_shapes,
            value_level_start_index,
            inputs[1],
            inputs[2],
            im2col_step,
        )
    grads = torch.autograd.grad(output, inputs, grad_output)
    for target, grad in zip((grad_value, grad_sampling_loc, grad_attn_weight), grads, strict=True):
        target.copy_(grad)
