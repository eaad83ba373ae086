"""Cuts views out of images, and puts what was found in them where it is in the photograph."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from .views import EDGE, View, cut_pixels


def scale_of(sample: DetDataSample, like: Tensor) -> Tensor:
    """Factors of x, y, x and y by which the photograph was resized."""
    return like.new_tensor(tuple(sample.metainfo.get('scale_factor', (1.0, 1.0))[:2]) * 2)


def cut_view(image: Tensor, view: View) -> Tensor:
    """Pixels of a view, shape (C, height, width)."""
    pixels = cut_pixels(image.permute(1, 2, 0).numpy(force=True), view)
    return torch.from_numpy(pixels).to(image.device).permute(2, 0, 1)


def describe_view(sample: DetDataSample, view: View) -> DetDataSample:
    """Makes the sample of a view; its original is its part of the photograph."""
    left, top, right, bottom = view.box
    across, down = sample.metainfo.get('scale_factor', (1.0, 1.0))[:2]
    shape = math.ceil((bottom - top) / down), math.ceil((right - left) / across)
    factors = across * view.size[1] / (right - left), down * view.size[0] / (bottom - top)
    changed = {
        'img_shape': view.size,
        'ori_shape': sample.ori_shape if view.is_whole else shape,
        'scale_factor': factors,
    }
    return DetDataSample(metainfo={**sample.metainfo, **changed})


def locate(found: InstanceData, view: View, sample: DetDataSample) -> InstanceData:
    """Moves what was found in a view to where it is in the photograph.

    ``is_cut`` is added. Each of ``masks`` becomes its left and top, and its pixels from there.
    """
    scale = scale_of(sample, found.bboxes)
    edges = scale.new_tensor(view.box)
    corner = (edges / scale)[[0, 1, 0, 1]]
    boxes = found.bboxes + corner
    inside = (boxes * scale - edges) * scale.new_tensor([1, 1, -1, -1])
    inner = torch.tensor(view.inner, device=boxes.device)
    found.bboxes, found.is_cut = boxes, ((inside <= EDGE) & inner).any(dim=1)
    if 'masks' in found:
        left, top = corner[:2].round().int().tolist()
        found.masks = [_crop(mask, left, top) for mask in found.masks]
    return found


def _crop(mask: Tensor, left: int, top: int) -> tuple[int, int, Tensor]:
    """Crops a mask to what it shows; returns its new left and top, and its pixels."""
    across, down = mask.any(dim=0).nonzero(), mask.any(dim=1).nonzero()
    if not len(across):
        return left, top, mask[:0, :0].cpu()
    columns = slice(int(across[0]), int(across[-1]) + 1)
    rows = slice(int(down[0]), int(down[-1]) + 1)
    return left + columns.start, top + rows.start, mask[rows, columns].cpu().clone()


def draw_masks(
    crops: Sequence[tuple[int, int, Tensor]], groups: Sequence[np.ndarray], shape: tuple[int, int]
) -> Tensor:
    """Draws the masks of each group into one of the whole photograph, shape (N, *shape)."""
    masks = torch.zeros((len(groups), *shape), dtype=torch.bool)
    for canvas, group in zip(masks, groups, strict=True):
        for row in group:
            left, top, mask = crops[row]
            part = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
            part |= mask[: part.shape[0], : part.shape[1]]  # places and sizes are rounded
    return masks
