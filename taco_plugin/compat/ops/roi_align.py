"""RoIAlign, forward and backward, equal to mmcv's compiled CPU op."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .roi_align_max import max_backward, max_forward
from .roi_sampling import Pooling, average_taps, locate_regions
from .torchvision_ops import torchvision_ops

MAX_POOLING = 0
# Where torchvision computes the same: it counts the samples of float64 RoIs in float64, mmcv in
# float32, and neither has bfloat16.
TORCHVISION_DTYPES = (torch.float16, torch.float32)


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Pools the features of each RoI into bins, into ``output``.

    Args:
        input: Features, shape (B, C, H, W).
        rois: (image, x1, y1, x2, y2), absolute pixels, shape (N, 5).
        output: Is overwritten, shape (N, C, aligned_height, aligned_width).
        argmax_y: For max pooling, is overwritten with the y of the largest sample in cells, or -1
            if there was none; shape of ``output``.
        argmax_x: The same for x.
        aligned_height: Bins along y.
        aligned_width: Bins along x.
        spatial_scale: Feature cells per pixel.
        sampling_ratio: Samples per bin along each axis; 0 for one per cell.
        pool_mode: 0 takes the largest sample of a bin, 1 the average.
        aligned: Cell centres are at half pixels. Else they are at whole ones, and a RoI is at
            least one cell wide and high.

    Raises:
        ValueError: If, on the CPU, a RoI has a negative size or a NaN and ``aligned`` is set.
    """
    spatial_scale = float(np.float32(spatial_scale))
    size = (aligned_height, aligned_width)
    map_size = (input.shape[2], input.shape[3])
    pooling = Pooling(map_size, size, spatial_scale, sampling_ratio, aligned)
    if aligned and not rois.is_cuda and not (rois[:, 3:] >= rois[:, 1:3]).all():
        raise ValueError('rois must have x2 >= x1 and y2 >= y1; got a negative size or a NaN')
    ops = torchvision_ops()
    if pool_mode == MAX_POOLING:
        max_forward(input, rois, output, argmax_y, argmax_x, pooling)
    elif ops is not None and input.dtype in TORCHVISION_DTYPES:
        output.copy_(ops.roi_align(input, rois, spatial_scale, *size, sampling_ratio, aligned))
    else:
        _average(input, rois, output, pooling)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Adds the derivative of :func:`roi_align_forward` by ``input`` to ``grad_input``.

    Args:
        grad_output: Shape (N, C, aligned_height, aligned_width).
        rois: (image, x1, y1, x2, y2), absolute pixels, shape (N, 5).
        argmax_y: What the forward pass wrote.
        argmax_x: What the forward pass wrote.
        grad_input: Is added to, shape (B, C, H, W).
        aligned_height: Bins along y.
        aligned_width: Bins along x.
        spatial_scale: Feature cells per pixel.
        sampling_ratio: Samples per bin along each axis; 0 for one per cell.
        pool_mode: 0 is max, 1 average.
        aligned: Cell centres are at half pixels.
    """
    spatial_scale = float(np.float32(spatial_scale))
    size = (aligned_height, aligned_width)
    map_size = (grad_input.shape[2], grad_input.shape[3])
    pooling = Pooling(map_size, size, spatial_scale, sampling_ratio, aligned)
    ops = torchvision_ops()
    if pool_mode == MAX_POOLING:
        max_backward(grad_output, rois, argmax_y, argmax_x, grad_input)
    elif ops is not None and grad_output.dtype in TORCHVISION_DTYPES:
        grad_input += ops._roi_align_backward(
            grad_output, rois, spatial_scale, *size, *grad_input.shape, sampling_ratio, aligned
        )
    else:
        _average_backward(grad_output, rois, grad_input, pooling)


def _average(input: Tensor, rois: Tensor, output: Tensor, pooling: Pooling) -> None:
    """Average pooling: the sparse matrix (bins, cells) times the features (cells, C)."""
    regions = locate_regions(rois, pooling)
    features = input.flatten(2).transpose(1, 2)
    pooled = output.view(*output.shape[:2], output.shape[2:].numel()).transpose(1, 2)
    for taps in average_taps(regions, pooling):
        # Only the cells that are read are copied: channels last, and widened from half.
        is_read = torch.zeros(features.shape[:2].numel(), dtype=torch.bool, device=input.device)
        is_read[taps.cells] = True
        cells = is_read.nonzero()[:, 0]
        place = torch.empty_like(is_read, dtype=torch.int64)
        place[cells] = torch.arange(len(cells), device=input.device)
        read = features[_unravel(cells, features)].to(taps.weights)
        bins, sums = _weighted_sums(taps.bins, place[taps.cells], taps.weights, read)
        pooled[_unravel(bins, pooled)] = sums.to(output.dtype)


def _average_backward(
    grad_output: Tensor, rois: Tensor, grad_input: Tensor, pooling: Pooling
) -> None:
    """The transposed matrix (cells, bins) times the gradient (bins, C)."""
    regions = locate_regions(rois, pooling)
    grad_cells = grad_input.view(*grad_input.shape[:2], -1).transpose(1, 2)
    grad_bins = grad_output.flatten(2).transpose(1, 2).flatten(0, 1).to(regions.start)
    for taps in average_taps(regions, pooling):
        cells, order = taps.cells.sort()
        cells, sums = _weighted_sums(cells, taps.bins[order], taps.weights[order], grad_bins)
        place = _unravel(cells, grad_cells)
        grad_cells[place] = (grad_cells[place] + sums).to(grad_input.dtype)


def _weighted_sums(
    rows: Tensor, columns: Tensor, weights: Tensor, dense: Tensor
) -> tuple[Tensor, Tensor]:
    """A sparse matrix times a dense one.

    Args:
        rows: Row of each entry; equal ones are consecutive; shape (T,).
        columns: Column of each entry, shape (T,).
        weights: Value of each entry, shape (T,).
        dense: Shape (columns, C).

    Returns:
        The rows that have entries, shape (R,), and the product there, shape (R, C).
    """
    rows, counts = torch.unique_consecutive(rows, return_counts=True)
    starts = counts.cumsum(0) - counts
    sums = F.embedding_bag(columns, dense, starts, mode='sum', per_sample_weights=weights)
    return rows, sums


def _unravel(position: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """A position in the first two dimensions of ``like``, as their two indices."""
    return position // like.shape[1], position % like.shape[1]
