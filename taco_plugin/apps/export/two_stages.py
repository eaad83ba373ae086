"""Post-processing of Faster and Mask R-CNN, for a batch."""

import torch
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from torch import Tensor
from torchvision.ops import roi_align

from ...errors import InputError
from .nms import best, suppress, take
from .parts import (
    Candidates,
    Part,
    Size,
    activate,
    check_nms,
    decode,
    drop_small,
    list_priors,
    list_rows,
)


def check_roi_head(head: Part) -> None:
    """Raises an InputError if a part of the second stage is unknown."""
    parts = [head.bbox_roi_extractor, *([head.mask_roi_extractor] if head.with_mask else [])]
    wrong = [type(part).__name__ for part in parts if type(part) is not SingleRoIExtractor]
    wrong += ['a shared head'] if head.with_shared_head else []
    if head.with_mask and not isinstance(head.mask_head, FCNMaskHead):
        wrong.append(type(head.mask_head).__name__)
    if wrong:
        raise InputError(f'{type(head).__name__} cannot be exported with {wrong[0]}')


def _propose(head: Part, features: Part, size: Size) -> tuple[Tensor, Tensor]:
    """Region proposals: boxes (B, N, 4), and scores, -1 where there is none."""
    classes, deltas = head(features)
    config, levels = head.test_cfg, []
    check_nms(config.nms)
    for number, prior in enumerate(list_priors(head, classes)):
        scores = list_rows(classes[number], head.cls_out_channels)
        scores = scores.sigmoid() if head.use_sigmoid_cls else scores.softmax(-1)
        top, rows = best(scores[..., 0], config.nms_pre)
        delta = take(list_rows(deltas[number], 4), rows)
        boxes = decode(head.bbox_coder, prior[rows], delta, size)
        groups = torch.full_like(rows, number)
        levels.append((boxes, drop_small(top, boxes, config), groups))
    boxes, scores, groups = (torch.cat(parts, 1) for parts in zip(*levels, strict=True))
    scores, rows = suppress(
        *(boxes, scores, groups),
        iou=config.nms.iou_threshold,
        limit=config.max_per_img,
        least=0.0,
    )
    return take(boxes, rows), scores


def find_in_two_stages(model: Part, features: Part, size: Size) -> Candidates:
    """Faster and Mask R-CNN."""
    proposals, proposed = _propose(model.rpn_head, features, size)
    roi_head, head = model.roi_head, model.roi_head.bbox_head
    batch, count = proposed.shape
    pooled = _pool(roi_head.bbox_roi_extractor, features, _number(proposals, proposed > -2))
    classes, deltas = head(pooled)
    scores = activate(head, classes.float())[:, : head.num_classes]
    shares = 1 if head.reg_class_agnostic else head.num_classes
    deltas = deltas.float().reshape(batch, count * shares, 4)
    repeated = proposals.repeat_interleave(shares, dim=1)
    boxes = decode(head.bbox_coder, repeated, deltas, size)
    if shares < head.num_classes:
        boxes = boxes.repeat_interleave(head.num_classes, dim=1)
    scores = scores.reshape(batch, count, head.num_classes)
    scores = scores.masked_fill((proposed < 0)[..., None], -1.0).flatten(1)
    labels = torch.arange(head.num_classes, device=boxes.device).repeat(batch, count)
    return Candidates(boxes, scores, labels)


def _number(boxes: Tensor, chosen: Tensor) -> Tensor:
    """RoIs of the chosen boxes: number of the image and xyxy, shape (K, 5)."""
    places = chosen.nonzero()
    return torch.cat([places[:, :1].to(boxes), boxes[places[:, 0], places[:, 1]]], dim=1)


def _pool(extractor: Part, features: Part, rois: Tensor) -> Tensor:
    """Features of regions, each from the level that suits its size, shape (K, C, h, w)."""
    layers = extractor.roi_layers
    level = extractor.map_roi_levels(rois, len(layers))
    pooled, order = [], []
    for number, layer in enumerate(layers):
        rows = (level == number).nonzero()[:, 0]
        part = roi_align(
            features[number].float(),
            rois[rows],
            layer.output_size,
            layer.spatial_scale,
            layer.sampling_ratio,
            layer.aligned,
        )
        pooled.append(part)
        order.append(rows)
    places = torch.cat(order)
    back = torch.zeros_like(places).index_put((places,), torch.arange(places.shape[0]).to(places))
    return torch.cat(pooled)[back].to(features[0].dtype)


def predict_masks(model: Part, features: Part, found: Candidates) -> Tensor:
    """Masks of all that is found, of their own classes, in [0, 1], shape (K, h, w)."""
    roi_head, chosen = model.roi_head, found.scores > 0
    rois = _number(found.boxes, chosen)
    masks = roi_head.mask_head(_pool(roi_head.mask_roi_extractor, features, rois)).float()
    if roi_head.mask_head.class_agnostic:
        return masks[:, 0].sigmoid()
    labels = found.labels[chosen]
    return masks[torch.arange(labels.shape[0]).to(labels), labels].sigmoid()
