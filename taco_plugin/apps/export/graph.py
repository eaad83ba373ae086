"""What is exported: a detector of MMDetection as one function of tensors, post-processing included.

MMDetection's own post-processing goes through images one by one, and through Python lists. Here is
what the same steps are for a batch, on the detector's own layers, coders and priors.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from mmdet.models.dense_heads import RPNHead, YOLOXHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.detectors import DETR, SingleStageDetector, TwoStageDetector
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from torch import Tensor, nn
from torchvision.ops import roi_align

from ...errors import InputError
from ...runtime.metadata import Suppression
from .nms import best, suppress, take

_MOST = 1000
"""Detections per image where the config has no limit."""


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


class Graph(nn.Module):
    """A detector from pixels to detections.

    Its input are images as the pipeline makes them, float32, BGR, shape (B, 3, H, W). Its outputs
    are boxes (B, N, 4) in pixels of the input, scores (B, N), the best first, -1 where there is
    none, labels (B, N) and, of a detector of masks, the masks of all that is found, in [0, 1],
    shape (K, height, width). ``raw`` leaves out the last non-maximum suppression.

    Raises:
        InputError: If the detector is of a kind that cannot be exported; says what it lacks.
    """

    def __init__(self, model: nn.Module, *, raw: bool) -> None:
        super().__init__()
        self.model, self.raw = model, raw
        self.find = _way_of(model)
        self.suppression = self._read_suppression()
        self.has_masks = bool(getattr(model, 'with_mask', False))
        if raw and self.has_masks:
            raise InputError('--raw: masks are predicted of what is left after NMS; leave it out')

    def _read_suppression(self) -> Suppression | None:
        if isinstance(self.model, DETR):
            return None
        is_two_stage = isinstance(self.model, TwoStageDetector)
        config = self.model.test_cfg.rcnn if is_two_stage else self.model.test_cfg
        _check_nms(config.nms)
        limit = config.get('max_per_img', _MOST)
        return Suppression(config.nms.iou_threshold, limit, config.get('score_thr', 0.0))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Detects objects in images of one size."""
        height, width = images.shape[-2:]
        features = self.model.extract_feat(self._prepare(images))
        found = self.find(self.model, features, (height, width))
        if self.suppression and not self.raw:
            settings = self.suppression
            scores, rows = suppress(
                *found, iou=settings.iou, limit=settings.limit, least=settings.least
            )
            found = Candidates(take(found.boxes, rows), scores, take(found.labels, rows))
        if not self.has_masks:
            return tuple(found)
        return *found, _masks(self.model, features, found)

    def _prepare(self, images: Tensor) -> Tensor:
        """What ``DetDataPreprocessor`` does: channels, normalisation, padding."""
        settings = self.model.data_preprocessor
        if settings._channel_conversion:
            images = images.flip(1)
        if settings._enable_normalize:
            images = (images - settings.mean) / settings.std
        height, width = images.shape[-2:]
        divisor = settings.pad_size_divisor
        if divisor > 1:
            right, bottom = -width % divisor, -height % divisor
            images = F.pad(images, (0, right, 0, bottom), value=float(settings.pad_value))
        return images.to(next(self.model.parameters()).dtype)


def _way_of(model: nn.Module) -> Any:  # noqa: ANN401
    """The function that makes candidates of the features of a detector."""
    if isinstance(model, DETR) and type(model).forward_transformer is DETR.forward_transformer:
        return _find_with_queries
    if isinstance(model, TwoStageDetector):
        rpn, roi = getattr(model, 'rpn_head', None), model.roi_head
        if type(rpn) is RPNHead and type(roi) is StandardRoIHead:
            _check_roi_head(roi)
            return _find_in_two_stages
        lacking = f'{type(rpn).__name__} with {type(roi).__name__}'
        raise InputError(_refuse(model, f'{lacking}; only RPNHead with StandardRoIHead has one'))
    if isinstance(model, SingleStageDetector):
        head = model.bbox_head
        if type(head) is YOLOXHead:
            return _find_in_cells
        single = BaseDenseHead._predict_by_feat_single
        if isinstance(head, BaseDenseHead) and type(head)._predict_by_feat_single is single:
            return _find_at_anchors
        raise InputError(_refuse(model, type(head).__name__))
    raise InputError(_refuse(model, type(model).__name__))


def _refuse(model: nn.Module, part: str) -> str:
    kind = type(model).__name__.removeprefix('Tiled')
    return f'{kind} cannot be exported: no post-processing for {part}'


def _check_roi_head(head: StandardRoIHead) -> None:
    parts = [head.bbox_roi_extractor, *([head.mask_roi_extractor] if head.with_mask else [])]
    wrong = [type(part).__name__ for part in parts if type(part) is not SingleRoIExtractor]
    wrong += ['a shared head'] if head.with_shared_head else []
    if head.with_mask and not isinstance(head.mask_head, FCNMaskHead):
        wrong.append(type(head.mask_head).__name__)
    if wrong:
        raise InputError(f'{type(head).__name__} cannot be exported with {wrong[0]}')


def _check_nms(nms: Any) -> None:  # noqa: ANN401
    if nms.get('type', 'nms') != 'nms' or nms.get('class_agnostic'):
        raise InputError(f'test_cfg.nms cannot be exported: {dict(nms)}; only plain nms by class')


def _activate(head: nn.Module, scores: Tensor) -> Tensor:
    """Class scores in [0, 1] without that of the background."""
    if getattr(head.loss_cls, 'custom_cls_channels', False):
        return head.loss_cls.get_activation(scores)
    if getattr(head, 'use_sigmoid_cls', False):
        return scores.sigmoid()
    return scores.softmax(-1)


def _clip(boxes: Tensor, size: Any) -> Tensor:  # noqa: ANN401
    """Limits boxes to the image, as coders do with ``max_shape``."""
    height, width = (torch.as_tensor(side, device=boxes.device) for side in size)
    most = torch.stack([width, height, width, height]).to(boxes)
    return torch.minimum(boxes.clamp(min=0), most)


def _rows(values: Tensor, width: int) -> Tensor:
    """Makes (B, priors * width, H, W) to (B, N, width), in float32."""
    return values.permute(0, 2, 3, 1).reshape(values.shape[0], -1, width).float()


def _decode(coder: Any, priors: Tensor, deltas: Tensor, size: Any) -> Tensor:  # noqa: ANN401
    """Boxes of priors, shape (B, N, 4), and as many deltas."""
    boxes = coder.decode(priors.reshape(-1, priors.shape[-1]), deltas.reshape(-1, 4))
    return _clip(boxes.reshape(deltas.shape), size)


def _drop_small(scores: Tensor, boxes: Tensor, config: Any) -> Tensor:  # noqa: ANN401
    sides = boxes[..., 2:] - boxes[..., :2]
    return scores.masked_fill((sides <= config.get('min_bbox_size', -1)).any(-1), -1.0)


def _priors(head: nn.Module, levels: Any, **how: bool) -> list[Tensor]:  # noqa: ANN401
    sizes = [level.shape[-2:] for level in levels]
    return head.prior_generator.grid_priors(sizes, torch.float32, levels[0].device, **how)


def _find_in_cells(model: nn.Module, features: Any, size: Any) -> Candidates:  # noqa: ANN401
    """YOLOX: each cell speaks for its best class."""
    head = model.bbox_head
    classes, deltas, objects = head(features)
    priors = torch.cat(_priors(head, classes, with_stride=True))
    scores = torch.cat([_rows(level, head.cls_out_channels) for level in classes], 1).sigmoid()
    objectness = torch.cat([_rows(level, 1) for level in objects], 1).sigmoid()[..., 0]
    boxes = head._bbox_decode(priors, torch.cat([_rows(level, 4) for level in deltas], 1))
    score, labels = scores.max(-1)
    return Candidates(boxes, score * objectness, labels)


def _find_at_anchors(model: nn.Module, features: Any, size: Any) -> Candidates:  # noqa: ANN401
    """RetinaNet, SSD and others: pairs of a prior and a class, the best of each level."""
    head, config = model.bbox_head, model.test_cfg
    classes, deltas, *factors = head(features)
    levels = []
    for number, prior in enumerate(_priors(head, classes)):
        scores = _activate(head, _rows(classes[number], head.cls_out_channels))
        scores = scores[..., : head.num_classes]
        keys = scores.masked_fill(scores <= config.get('score_thr', 0), -1.0).flatten(1)
        count = config.get('nms_pre', -1)
        top, pairs = best(keys, count if count > 0 else _MOST)
        rows = pairs // head.num_classes
        if factors:
            factor = _rows(factors[0][number], 1).sigmoid()[..., 0]
            top = torch.where(top > 0, top * take(factor, rows), top)
        delta = take(_rows(deltas[number], 4), rows)
        boxes = _decode(head.bbox_coder, prior[rows], delta, size)
        levels.append((boxes, _drop_small(top, boxes, config), pairs % head.num_classes))
    return Candidates(*(torch.cat(parts, 1) for parts in zip(*levels, strict=True)))


def _propose(head: nn.Module, features: Any, size: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """Region proposals: boxes (B, N, 4), and scores, -1 where there is none."""
    classes, deltas = head(features)
    config, levels = head.test_cfg, []
    _check_nms(config.nms)
    for number, prior in enumerate(_priors(head, classes)):
        scores = _rows(classes[number], head.cls_out_channels)
        scores = scores.sigmoid() if head.use_sigmoid_cls else scores.softmax(-1)
        top, rows = best(scores[..., 0], config.nms_pre)
        delta = take(_rows(deltas[number], 4), rows)
        boxes = _decode(head.bbox_coder, prior[rows], delta, size)
        groups = torch.full_like(rows, number)
        levels.append((boxes, _drop_small(top, boxes, config), groups))
    boxes, scores, groups = (torch.cat(parts, 1) for parts in zip(*levels, strict=True))
    scores, rows = suppress(
        *(boxes, scores, groups),
        iou=config.nms.iou_threshold,
        limit=config.max_per_img,
        least=0.0,
    )
    return take(boxes, rows), scores


def _find_in_two_stages(model: nn.Module, features: Any, size: Any) -> Candidates:  # noqa: ANN401
    """Faster and Mask R-CNN."""
    proposals, proposed = _propose(model.rpn_head, features, size)
    roi_head, head = model.roi_head, model.roi_head.bbox_head
    batch, count = proposed.shape
    pooled = _pool(roi_head.bbox_roi_extractor, features, _number(proposals, proposed > -2))
    classes, deltas = head(pooled)
    scores = _activate(head, classes.float())[:, : head.num_classes]
    shares = 1 if head.reg_class_agnostic else head.num_classes
    deltas = deltas.float().reshape(batch, count * shares, 4)
    repeated = proposals.repeat_interleave(shares, dim=1)
    boxes = _decode(head.bbox_coder, repeated, deltas, size)
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


def _pool(extractor: SingleRoIExtractor, features: Any, rois: Tensor) -> Tensor:  # noqa: ANN401
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


def _masks(model: nn.Module, features: Any, found: Candidates) -> Tensor:  # noqa: ANN401
    """Masks of all that is found, of their own classes, in [0, 1], shape (K, h, w)."""
    roi_head, chosen = model.roi_head, found.scores > 0
    rois = _number(found.boxes, chosen)
    masks = roi_head.mask_head(_pool(roi_head.mask_roi_extractor, features, rois)).float()
    if roi_head.mask_head.class_agnostic:
        return masks[:, 0].sigmoid()
    labels = found.labels[chosen]
    return masks[torch.arange(labels.shape[0]).to(labels), labels].sigmoid()


def _find_with_queries(model: nn.Module, features: Any, size: Any) -> Candidates:  # noqa: ANN401
    """DETR: no suppression."""
    feature, head = features[-1], model.bbox_head
    places = model.positional_encoding(None, input=feature).flatten(2).permute(0, 2, 1)
    tokens = feature.flatten(2).permute(0, 2, 1)
    memory = model.forward_encoder(feat=tokens, feat_mask=None, feat_pos=places.to(tokens))
    inputs, _ = model.pre_decoder(**memory)
    states = model.forward_decoder(**inputs, memory_mask=None, memory_pos=places.to(tokens))
    classes, centres = (level[-1].float() for level in head(states['hidden_states'][-1:]))
    limit = head.test_cfg.get('max_per_img', model.num_queries)
    if head.loss_cls.use_sigmoid:
        scores, pairs = classes.sigmoid().flatten(1).topk(limit)
        rows, labels = pairs // head.num_classes, pairs % head.num_classes
    else:
        score, label = classes.softmax(-1)[..., :-1].max(-1)
        scores, rows = score.topk(limit)
        labels = take(label, rows)
    centre, sides = take(centres, rows).split(2, dim=-1)
    height, width = (torch.as_tensor(side, device=centre.device) for side in size)
    scale = torch.stack([width, height, width, height]).to(centre)
    boxes = torch.cat([centre - sides / 2, centre + sides / 2], dim=-1) * scale
    return Candidates(_clip(boxes, size), scores, labels)
