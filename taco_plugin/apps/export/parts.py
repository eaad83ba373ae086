"""Steps that the post-processing of several kinds of detectors shares, for a batch."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...errors import InputError

Part = Any
"""A module, config or list of features of MMDetection, of which no type tells the attributes."""

Size = Any
"""Height and width of the input in pixels; tensors while it is traced."""


class Candidates(NamedTuple):
    """Boxes of a batch before the last non-maximum suppression.

    Args:
        boxes: xyxy, pixels of the input, shape (B, N, 4).
        scores: Shape (B, N); those that the config leaves out are -1.
        labels: Shape (B, N).
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor


Way = Callable[[Part, Part, Size], Candidates]
"""Makes candidates of a detector, its features and the size of its input."""


def check_nms(nms: Part) -> None:
    """Refuses what is not plain non-maximum suppression by class."""
    if nms.get('type', 'nms') != 'nms' or nms.get('class_agnostic'):
        raise InputError(f'test_cfg.nms cannot be exported: {dict(nms)}; only plain nms by class')


def activate(head: Part, scores: Tensor) -> Tensor:
    """Class scores in [0, 1] without that of the background."""
    if getattr(head.loss_cls, 'custom_cls_channels', False):
        return head.loss_cls.get_activation(scores)
    if getattr(head, 'use_sigmoid_cls', False):
        return scores.sigmoid()
    return scores.softmax(-1)


def clip(boxes: Tensor, size: Size) -> Tensor:
    """Limits boxes to the image, as coders do with ``max_shape``."""
    height, width = (torch.as_tensor(side, device=boxes.device) for side in size)
    most = torch.stack([width, height, width, height]).to(boxes)
    return torch.minimum(boxes.clamp(min=0), most)


def list_rows(values: Tensor, width: int) -> Tensor:
    """Makes (B, priors * width, H, W) to (B, N, width), in float32."""
    return values.permute(0, 2, 3, 1).reshape(values.shape[0], -1, width).float()


def decode(coder: Part, priors: Tensor, deltas: Tensor, size: Size) -> Tensor:
    """Boxes of priors, shape (B, N, 4), and as many deltas."""
    boxes = coder.decode(priors.reshape(-1, priors.shape[-1]), deltas.reshape(-1, 4))
    return clip(boxes.reshape(deltas.shape), size)


def drop_small(scores: Tensor, boxes: Tensor, config: Part) -> Tensor:
    """Sets scores of boxes that the config finds too small to -1."""
    sides = boxes[..., 2:] - boxes[..., :2]
    return scores.masked_fill((sides <= config.get('min_bbox_size', -1)).any(-1), -1.0)


def list_priors(head: Part, levels: Part, **how: bool) -> list[Tensor]:
    """Priors of each level."""
    sizes = [level.shape[-2:] for level in levels]
    return head.prior_generator.grid_priors(sizes, torch.float32, levels[0].device, **how)
