"""Steps that the post-processing of several kinds of detectors shares, for a batch."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...errors import InputError


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


def check_nms(nms: Any) -> None:  # noqa: ANN401
    """Refuses what is not plain non-maximum suppression by class."""
    if nms.get('type', 'nms') != 'nms' or nms.get('class_agnostic'):
        raise InputError(f'test_cfg.nms cannot be exported: {dict(nms)}; only plain nms by class')


def activate(head: nn.Module, scores: Tensor) -> Tensor:
    """Class scores in [0, 1] without that of the background."""
    if getattr(head.loss_cls, 'custom_cls_channels', False):
        return head.loss_cls.get_activation(scores)
    if getattr(head, 'use_sigmoid_cls', False):
        return scores.sigmoid()
    return scores.softmax(-1)


def clip(boxes: Tensor, size: Any) -> Tensor:  # noqa: ANN401
    """Limits boxes to the image, as coders do with ``max_shape``."""
    height, width = (torch.as_tensor(side, device=boxes.device) for side in size)
    most = torch.stack([width, height, width, height]).to(boxes)
    return torch.minimum(boxes.clamp(min=0), most)


def list_rows(values: Tensor, width: int) -> Tensor:
    """Makes (B, priors * width, H, W) to (B, N, width), in float32."""
    return values.permute(0, 2, 3, 1).reshape(values.shape[0], -1, width).float()


def decode(coder: Any, priors: Tensor, deltas: Tensor, size: Any) -> Tensor:  # noqa: ANN401
    """Boxes of priors, shape (B, N, 4), and as many deltas."""
    boxes = coder.decode(priors.reshape(-1, priors.shape[-1]), deltas.reshape(-1, 4))
    return clip(boxes.reshape(deltas.shape), size)


def drop_small(scores: Tensor, boxes: Tensor, config: Any) -> Tensor:  # noqa: ANN401
    """Sets scores of boxes that the config finds too small to -1."""
    sides = boxes[..., 2:] - boxes[..., :2]
    return scores.masked_fill((sides <= config.get('min_bbox_size', -1)).any(-1), -1.0)


def list_priors(head: nn.Module, levels: Any, **how: bool) -> list[Tensor]:  # noqa: ANN401
    """Priors of each level."""
    sizes = [level.shape[-2:] for level in levels]
    return head.prior_generator.grid_priors(sizes, torch.float32, levels[0].device, **how)
