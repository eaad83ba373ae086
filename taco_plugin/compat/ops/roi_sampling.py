"""Which feature cells RoIAlign reads for each bin, and with which weight.

Bilinear interpolation is the same along y and x, so that a bin's average over its samples is a
product of two one-dimensional sums. Both are sums over few neighbouring cells ("taps").
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

# Taps that are handled at once: bounds the memory, at about 60 bytes each, to 250 MB.
MAX_TAPS = 2**22


class Pooling(NamedTuple):
    """How a RoI is pooled: mmcv's arguments, and (y, x) sizes of the feature map and the output.

    ``spatial_scale`` is rounded to float32, as mmcv does.
    """

    map_size: tuple[int, int]
    pooled_size: tuple[int, int]
    spatial_scale: float
    sampling_ratio: int
    aligned: bool


class Regions(NamedTuple):
    """RoIs in feature cells, y before x.

    ``image``: index in the batch, int64, shape (R,). ``start`` and ``size``: shape (R, 2).
    ``grid``: samples per bin along each axis, int64, shape (R, 2).
    """

    image: Tensor
    start: Tensor
    size: Tensor
    grid: Tensor

    def select(self, index: Tensor) -> 'Regions':
        """Those at ``index``."""
        return Regions(*(field[index] for field in self))


class Taps(NamedTuple):
    """A sparse matrix, bins by cells, as coordinates; all of shape (T,).

    ``bins``: position in (RoI, bin y, bin x); taps of a bin are consecutive.
    ``cells``: position in (image, y, x). ``weights``: what the cell counts in the bin.
    """

    bins: Tensor
    cells: Tensor
    weights: Tensor


def locate_regions(rois: Tensor, pooling: Pooling) -> Regions:
    """The RoIs on the feature map; ``rois`` are (image, x1, y1, x2, y2), shape (R, 5)."""
    rois = rois if rois.dtype == torch.float64 else rois.float()
    corners = rois[:, 1:] * pooling.spatial_scale - (0.5 if pooling.aligned else 0.0)
    start, end = corners[:, [1, 0]], corners[:, [3, 2]]
    size = end - start
    if not pooling.aligned:
        size = size.clamp(min=1)
    if pooling.sampling_ratio > 0:
        grid = torch.full_like(size, pooling.sampling_ratio)
    else:
        # mmcv counts in float32. A size that is negative or NaN takes no samples.
        cells_per_bin = (size / size.new_tensor(pooling.pooled_size)).float()
        grid = cells_per_bin.ceil().nan_to_num(0).clamp(min=0)
    return Regions(rois[:, 0].long(), start, size, grid.long())


def group_regions(regions: Regions, taps_each: Tensor) -> Iterator[list[Tensor]]:
    """Splits the RoIs into chunks of at most ``MAX_TAPS``, and these into groups of equal grids.

    Args:
        regions: The RoIs; those without samples are in no group.
        taps_each: Taps of each RoI, shape (R,).

    Yields:
        The indices of each group of the chunk, int64.
    """
    columns = regions.grid[:, 1].max() + 1 if len(regions.grid) else 1
    key = regions.grid[:, 0] * columns + regions.grid[:, 1]
    order = key.argsort(stable=True)
    order = order[regions.grid[order].prod(1) > 0]
    chunk = (taps_each[order].cumsum(0) - 1) // MAX_TAPS
    _, chunk_sizes = torch.unique_consecutive(chunk, return_counts=True)
    for index in order.split(chunk_sizes.tolist()):
        _, group_sizes = torch.unique_consecutive(key[index], return_counts=True)
        yield list(index.split(group_sizes.tolist()))


def average_taps(regions: Regions, pooling: Pooling) -> Iterator[Taps]:
    """The taps of average pooling, in chunks of about ``MAX_TAPS``."""
    window = 2 * regions.grid if pooling.sampling_ratio > 0 else regions.grid + 1
    taps_each = window.prod(1) * pooling.pooled_size[0] * pooling.pooled_size[1]
    for groups in group_regions(regions, taps_each):
        taps = [_average_taps_of_group(regions.select(index), index, pooling) for index in groups]
        yield Taps(*(torch.cat(field) for field in zip(*taps, strict=True)))


def _average_taps_of_group(regions: Regions, index: Tensor, pooling: Pooling) -> Taps:
    """The taps of RoIs of one grid, which are the RoIs number ``index``."""
    rows, row_weights = axis_taps(regions, pooling, 0, merge=pooling.sampling_ratio <= 0)
    columns, column_weights = axis_taps(regions, pooling, 1, merge=pooling.sampling_ratio <= 0)
    samples = regions.grid[0].prod()
    rows = rows + regions.image[:, None, None, None] * pooling.map_size[0]
    cells = outer(rows * pooling.map_size[1], columns, torch.add)
    weights = outer(row_weights / samples, column_weights, torch.mul)
    bins = torch.arange(cells.shape[1], device=index.device) + index[:, None] * cells.shape[1]
    return Taps(bins[:, :, None].expand_as(cells).flatten(), cells.flatten(), weights.flatten())


def outer(rows: Tensor, columns: Tensor, combine: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Shape (R, bins, taps), from the two axes' shapes (R, bins, windows, taps)."""
    rows, columns = rows.flatten(2), columns.flatten(2)
    pairs = combine(rows[:, :, None, :, None], columns[:, None, :, None, :])
    return pairs.flatten(3).flatten(1, 2)


def axis_taps(
    regions: Regions, pooling: Pooling, axis: int, *, merge: bool
) -> tuple[Tensor, Tensor]:
    """The taps along one axis of RoIs that all have the same grid.

    Args:
        regions: The RoIs.
        pooling: How they are pooled.
        axis: 0 is y, 1 is x.
        merge: Add up what the samples of a bin take from the same cell. The samples must be at
            most one cell apart, as they are when the grid follows from the RoI's size.

    Returns:
        Cells, int64, and their weights, both of shape (R, bins, windows, taps): one window per
        bin if merged, else one per sample.
    """
    position = sample_positions(regions, pooling, axis)
    return interpolate(
        position[:, :, None] if merge else position[..., None], pooling.map_size[axis]
    )


def interpolate(position: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Linear interpolation on cells 0 to ``length - 1``, as mmcv does it at the border.

    A sample up to one cell outside takes the border's value, and none further out.

    Args:
        position: Ascending coordinates, at most one cell apart, shape (..., S).
        length: Number of cells.

    Returns:
        Cells, int64, and how much the S samples together take from them, shapes (..., S + 1).
    """
    inside = (position >= -1) & (position <= length)
    position = torch.where(inside, position, 0).clamp(0, length - 1)
    cells = position[..., :1].floor() + torch.arange(position.shape[-1] + 1).to(position)
    nearness = (1 - (position[..., None] - cells[..., None, :]).abs()).clamp(min=0)
    weights = (nearness * inside[..., None]).sum(-2)
    return cells.long().clamp(max=length - 1), weights


def sample_positions(regions: Regions, pooling: Pooling, axis: int) -> Tensor:
    """Coordinates along ``axis`` of the samples, in cells, shape (R, bins, samples).

    The arithmetic is mmcv's, step by step: where a sample falls out of the map, it jumps to 0.
    """
    start, size = regions.start[:, axis, None, None], regions.size[:, axis, None, None]
    bins, samples = pooling.pooled_size[axis], int(regions.grid[0, axis])
    bin_size = size / bins
    bin_index = torch.arange(bins, device=start.device)[:, None]
    step = torch.arange(samples, device=start.device).to(start) + 0.5
    return start + bin_index * bin_size + step * bin_size / samples
