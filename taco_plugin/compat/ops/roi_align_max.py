"""RoIAlign that takes the largest sample of each bin in place of the average.

None of MMDetection's own configs uses it, so it is written to be short, not fast.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .roi_sampling import (
    Pooling,
    Regions,
    axis_taps,
    group_regions,
    interpolate,
    locate_regions,
    outer,
    sample_positions,
)

# What mmcv's CPU op answers for a bin without samples.
NOTHING = -10000.0


def max_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    pooling: Pooling,
) -> None:
    """Max pooling; see :func:`~taco_plugin.compat.ops.roi_align.roi_align_forward`."""
    output.fill_(NOTHING)
    argmax_y.fill_(-1)
    argmax_x.fill_(-1)
    regions = locate_regions(rois, pooling)
    features = input.permute(0, 2, 3, 1).flatten(0, 2).to(regions.start)
    values_each = regions.grid.prod(1) * output.shape[1:].numel()
    for groups in group_regions(regions, values_each):
        for index in groups:
            group = regions.select(index)
            largest, best = _sample(features, group, pooling).max(3)
            y, x = _positions(group, pooling, best)
            for target, source in ((output, largest), (argmax_y, y), (argmax_x, x)):
                target[index] = source.permute(0, 3, 1, 2).to(target.dtype)


def _sample(features: Tensor, regions: Regions, pooling: Pooling) -> Tensor:
    """Values at the samples of RoIs of one grid.

    Args:
        features: Shape (B * H * W, C).
        regions: The RoIs.
        pooling: How they are pooled.

    Returns:
        Shape (R, bins y, bins x, samples y * samples x, C).
    """
    rows, row_weights = axis_taps(regions, pooling, 0, merge=False)
    columns, column_weights = axis_taps(regions, pooling, 1, merge=False)
    grid = (*rows.shape[:3], *columns.shape[1:3])
    rows = rows + regions.image[:, None, None, None] * pooling.map_size[0]
    rows = rows * pooling.map_size[1]
    cells = outer(rows.flatten(1, 2), columns.flatten(1, 2), torch.add)
    weights = outer(row_weights.flatten(1, 2), column_weights.flatten(1, 2), torch.mul)
    values = F.embedding_bag(
        cells.flatten(0, 1), features, mode='sum', per_sample_weights=weights.flatten(0, 1)
    )
    return values.view(*grid, -1).transpose(2, 3).flatten(3, 4)


def _positions(regions: Regions, pooling: Pooling, best: Tensor) -> tuple[Tensor, Tensor]:
    """The y and x of the samples number ``best``, all of shape (R, bins y, bins x, C)."""
    y = sample_positions(regions, pooling, 0)[:, :, None]
    x = sample_positions(regions, pooling, 1)[:, None]
    columns = x.shape[-1]
    y = y.expand(-1, -1, best.shape[2], -1).gather(3, best // columns)
    x = x.expand(-1, best.shape[1], -1, -1).gather(3, best % columns)
    return y, x


def max_backward(
    grad_output: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor
) -> None:
    """Adds to ``grad_input`` what each bin's largest sample took from its four cells."""
    _, channels, height, width = grad_input.shape
    # mmcv marks a bin without samples by y = -1, where there would be an interpolation.
    argmax_y = argmax_y.where(argmax_y != -1, -2)
    rows, row_weights = interpolate(argmax_y[..., None], height)
    columns, column_weights = interpolate(argmax_x[..., None], width)
    plane = rois[:, :1].long() * channels + torch.arange(channels, device=rois.device)
    rows = rows + plane[:, :, None, None, None] * height
    place = rows[..., :, None] * width + columns[..., None, :]
    weights = row_weights[..., :, None] * column_weights[..., None, :]
    grad = (grad_output[..., None, None] * weights).to(grad_input.dtype)
    grad_input.view(-1).index_add_(0, place.flatten(), grad.flatten())
