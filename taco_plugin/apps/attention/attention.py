"""What a detector of DETR's kind attends to: recorded by hooks while it predicts an image."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmcv.ops import MultiScaleDeformableAttention
from mmdet.models.dense_heads import DETRHead
from mmdet.models.detectors import BaseDetector
from mmdet.models.layers.transformer.utils import ConditionalAttention
from mmdet.structures import DetDataSample
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.hooks import RemovableHandle

from ...errors import InputError
from .plots import Maps

Inputs = dict[str, Any]
"""A batch of one image as the detector's data preprocessor returns it."""

_KINDS = MultiheadAttention, ConditionalAttention, MultiScaleDeformableAttention
_NAMES = ' or '.join(kind.__name__ for kind in _KINDS)

Kept = tuple[Tensor, Tensor | None]
"""Weights of one layer, shape (heads, rows, cells), and places of sampling points."""


@dataclass(frozen=True)
class Trace:
    """A prediction, and how it came about.

    Args:
        sample: What was found, most confident first.
        queries: Number of the decoder's query that each detection comes from.
        grid: Rows and columns of the (finest) feature map that the encoder reads.
        valid: Rows and columns of it that are not padding: these cover the image.
    """

    sample: DetDataSample
    queries: Tensor
    grid: tuple[int, int]
    valid: tuple[int, int]

    @property
    def area(self) -> tuple[float, float]:
        """Width and height of the network's image in pixels of the photograph."""
        return measure(self.sample, self.sample.img_shape)


def measure(sample: DetDataSample, shape: Sequence[int]) -> tuple[float, float]:
    """Width and height in pixels of the photograph of what has this shape in the network."""
    across, down = sample.metainfo.get('scale_factor', (1, 1))[:2]
    return shape[1] / across, shape[0] / down


def check_attention(model: BaseDetector) -> None:
    """Raises an InputError that says what a detector lacks, if it is not of DETR's kind."""
    name = type(model).__name__
    for part, inner in ('encoder', 'self_attn'), ('decoder', 'cross_attn'):
        layers = getattr(getattr(model, part, None), 'layers', ())
        if not layers or not all(isinstance(getattr(one, inner, None), _KINDS) for one in layers):
            raise InputError(f'{name} has no {part} with {_NAMES}; give --method gradcam')


def trace(model: BaseDetector, inputs: Inputs) -> Trace:
    """Predicts an image, and finds the query of each detection by repeating the head's choice.

    Raises:
        InputError: If the head chooses in another way.
    """
    seen: dict[str, Any] = {}
    sample = _predict(
        model,
        inputs,
        model.positional_encoding.register_forward_hook(  # of the finest feature map first
            lambda _, __, output: seen.update({'grid': tuple(output.shape[-2:]), **seen})
        ),
        model.encoder.register_forward_pre_hook(
            lambda _, __, inputs: seen.update(mask=inputs['key_padding_mask']), with_kwargs=True
        ),
        model.bbox_head.register_forward_hook(
            lambda _, __, output: seen.update(logits=output[0][-1][0])
        ),
    )
    scores, labels, queries = _choose(model.bbox_head, seen['logits'])
    found = sample.pred_instances
    if not (torch.equal(scores, found.scores) and torch.equal(labels, found.labels)):
        name = type(model.bbox_head).__name__
        raise InputError(f'{name} chooses its detections in a way that is not known')
    rows, columns = grid = seen['grid']
    valid = grid
    if seen['mask'] is not None:
        kept = ~seen['mask'][0, : rows * columns].view(grid)
        valid = int(kept[:, 0].sum()), int(kept[0].sum())
    return Trace(sample, queries, grid, valid)


def _choose(head: DETRHead, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores, labels and queries of the detections, as DETRHead chooses them."""
    most = head.test_cfg.get('max_per_img', len(logits))
    if head.loss_cls.use_sigmoid:
        scores, index = logits.sigmoid().view(-1).topk(most)
        return scores, index % head.num_classes, index // head.num_classes
    scores, labels = functional.softmax(logits, dim=-1)[..., :-1].max(-1)
    scores, queries = scores.topk(most)
    return scores, labels[queries], queries


def record(
    model: BaseDetector, inputs: Inputs, found: Trace, queries: Tensor, tokens: Tensor
) -> tuple[Maps, Maps]:
    """Records attention while a detector predicts an image; leaves it as it was.

    Args:
        model: One that :func:`check_attention` accepts.
        inputs: The image.
        found: Its trace.
        queries: Of the decoder, int64, shape (Q,).
        tokens: Cells of the encoder's (finest) feature map, row by row, int64, shape (T,).

    Returns:
        Cross-attention of the queries, and self-attention of the tokens.
    """
    cross: list[Kept] = []
    of_encoder: list[Kept] = []
    watched = [(layer.cross_attn, queries, cross) for layer in model.decoder.layers]
    watched += [(layer.self_attn, tokens, of_encoder) for layer in model.encoder.layers]
    _predict(model, inputs, *itertools.chain(*itertools.starmap(_watch, watched)))
    return _stack(cross, found), _stack(of_encoder, found)


def _predict(model: BaseDetector, inputs: Inputs, *hooks: RemovableHandle) -> DetDataSample:
    """Predicts an image, and removes hooks then."""
    try:
        (sample,) = model(**inputs, mode='predict')
    finally:
        for hook in hooks:
            hook.remove()
    return sample


def _watch(module: nn.Module, rows: Tensor, kept: list[Kept]) -> list[RemovableHandle]:
    """Makes a module append the attention of the given rows to ``kept`` whenever it runs."""
    if isinstance(module, MultiheadAttention):  # which drops the weights that the inner one returns
        asked = {'need_weights': True, 'average_attn_weights': False}
        return [
            module.attn.register_forward_pre_hook(
                lambda _, args, kwargs: (args, {**kwargs, **asked}), with_kwargs=True
            ),
            module.attn.register_forward_hook(
                lambda _, __, output: kept.append((output[1][0][:, rows], None))
            ),
        ]
    if isinstance(module, ConditionalAttention):
        return [
            module.attn_drop.register_forward_hook(
                lambda _, __, output: kept.append((output[:, rows], None))
            )
        ]
    return [
        module.register_forward_pre_hook(
            lambda own, _, inputs: kept.append(_sampling_points(own, inputs, rows)),
            with_kwargs=True,
        )
    ]


def _sampling_points(
    module: MultiScaleDeformableAttention, inputs: dict[str, Any], rows: Tensor
) -> Kept:
    """Weights, and places as shares of the valid image, where deformable attention samples.

    Equation 3 of `Deformable DETR <https://arxiv.org/abs/2010.04159>`_, as mmcv computes it.
    """
    query = (inputs['query'] + inputs['query_pos'])[0, rows]
    shape = len(query), module.num_heads, module.num_levels, module.num_points
    weights = module.attention_weights(query).view(*shape[:2], -1).softmax(-1)
    offsets = module.sampling_offsets(query).view(*shape, 2)
    reference = inputs['reference_points'][0, rows][:, None, :, None]
    if reference.shape[-1] == 4:
        offsets = offsets / module.num_points * reference[..., 2:] / 2
    else:
        offsets = offsets / inputs['spatial_shapes'].flip(-1)[:, None]
    places = (reference[..., :2] + offsets) / inputs['valid_ratios'][0][:, None]
    return weights.transpose(0, 1), places.flatten(2, 3).transpose(0, 1)


def _stack(kept: list[Kept], found: Trace) -> Maps:
    """Joins the layers; attention to padding, which is 0, is left out."""
    weights = torch.stack([weights for weights, _ in kept]).cpu().numpy()
    if kept[0][1] is None:
        rows, columns = found.valid
        weights = weights.reshape(*weights.shape[:3], *found.grid)[..., :rows, :columns]
        return Maps(weights, found.area)
    places = torch.stack([places for _, places in kept if places is not None])
    return Maps(weights, found.area, places.cpu().numpy())
