"""Non-maximum suppression as one operator of ONNX, for a batch."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import nms


class _NonMaxSuppression(torch.autograd.Function):
    """ONNX's operator of this name; in PyTorch it computes what the operator would."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        boxes: Tensor,
        scores: Tensor,
        limit: int,
        iou: float,
        least: float,
    ) -> Tensor:
        rows = []
        for image, (of_image, score) in enumerate(zip(boxes, scores[:, 0], strict=True)):
            left = (score > least).nonzero()[:, 0]
            kept = left[nms(of_image[left], score[left], iou)][:limit]
            rows.append(torch.stack([torch.full_like(kept, image), kept * 0, kept], dim=1))
        return torch.cat(rows)

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any, limit: int, iou: float, least: float) -> Any:  # noqa: ANN401
        constants = torch.tensor([limit]), torch.tensor([iou]), torch.tensor([least])
        inputs = [g.op('Constant', value_t=constant) for constant in constants]
        return g.op('NonMaxSuppression', boxes, scores, *inputs)


def suppress(
    boxes: Tensor, scores: Tensor, groups: Tensor, *, iou: float, limit: int, least: float
) -> tuple[Tensor, Tensor]:
    """Keeps the best of the boxes of a group that overlap, as ``mmcv.ops.batched_nms`` does.

    Args:
        boxes: xyxy, shape (B, N, 4).
        scores: Shape (B, N).
        groups: Boxes of different groups never suppress one another; shape (B, N).
        iou: Above which a box is suppressed.
        limit: Most that are kept of an image.
        least: Scores up to this are left out.

    Returns:
        Scores of those kept, the best first, shape (B, limit), filled up with -1, and their rows.
    """
    offsets = groups.to(boxes) * (boxes.amax(dim=(1, 2)) + 1)[:, None]
    moved = boxes + offsets[..., None]
    found = _NonMaxSuppression.apply(moved, scores[:, None], limit, iou, least)
    places = found[:, 0], found[:, 2]
    kept = torch.full_like(scores, -1.0).index_put(places, scores[places])
    return best(kept, limit)


def best(scores: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """The ``limit`` best scores, shape (B, limit), filled up with -1, and their rows."""
    top, rows = F.pad(scores, (0, limit), value=-1.0).topk(limit)
    return top, rows.clamp(max=scores.shape[1] - 1)


def take(values: Tensor, rows: Tensor) -> Tensor:
    """Rows of each image; of values with the shape (B, N) or (B, N, D)."""
    if values.dim() == 2:
        return values.gather(1, rows)
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[2]))
