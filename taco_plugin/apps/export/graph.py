"""What is exported: a detector of MMDetection as one function of tensors, post-processing included.

MMDetection's own post-processing goes through images one by one, and through Python lists. Here is
what the same steps are for a batch, on the detector's own layers, coders and priors.
"""

import torch
import torch.nn.functional as F
from mmdet.models.dense_heads import RPNHead, YOLOXHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.detectors import DETR, SingleStageDetector, TwoStageDetector
from mmdet.models.roi_heads import StandardRoIHead
from torch import Tensor, nn

from ...errors import InputError
from ...runtime.metadata import Suppression
from .nms import best, suppress, take
from .parts import (
    Candidates,
    Part,
    Size,
    Way,
    activate,
    check_nms,
    clip,
    decode,
    drop_small,
    list_priors,
    list_rows,
)
from .two_stages import check_roi_head, find_in_two_stages, predict_masks

_MOST = 1000
"""Detections per image where the config has no limit."""


class Graph(nn.Module):
    """A detector from pixels to detections.

    Its input are images as the pipeline makes them, float32, BGR, shape (B, 3, H, W). Its outputs
    are boxes (B, N, 4) in pixels of the input, scores (B, N), the best first, -1 where there is
    none, labels (B, N) and, of a detector of masks, the masks of all that is found, in [0, 1],
    shape (K, height, width). ``raw`` leaves out the last non-maximum suppression.

    Raises:
        InputError: If the detector is of a kind that cannot be exported; says what it lacks.
    """

    def __init__(self, model: Part, *, raw: bool) -> None:
        super().__init__()
        self.model, self.raw = model, raw
        self.find = _way_of(model)
        self.suppression = self._read_suppression()
        self.has_masks = bool(getattr(model, 'with_mask', False))
        if raw and self.has_masks:
            raise InputError('--raw: masks are predicted of what is left after NMS; leave it out')

    def _read_suppression(self) -> Suppression | None:
        if isinstance(self.model, DETR):
            if self.model.data_preprocessor.pad_size_divisor > 1:
                raise InputError(_refuse(self.model, 'pad_size_divisor of more than 1'))
            return None
        is_two_stage = isinstance(self.model, TwoStageDetector)
        config = self.model.test_cfg.rcnn if is_two_stage else self.model.test_cfg
        check_nms(config.nms)
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
        return *found, predict_masks(self.model, features, found)

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


def _way_of(model: Part) -> Way:
    """The function that makes candidates of the features of a detector."""
    if isinstance(model, DETR) and type(model).forward_transformer is DETR.forward_transformer:
        return _find_with_queries
    if isinstance(model, TwoStageDetector):
        rpn, roi = getattr(model, 'rpn_head', None), model.roi_head
        if type(rpn) is RPNHead and type(roi) is StandardRoIHead:
            check_roi_head(roi)
            return find_in_two_stages
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


def _refuse(model: Part, part: str) -> str:
    kind = type(model).__name__.removeprefix('Tiled')
    return f'{kind} cannot be exported: no post-processing for {part}'


def _find_in_cells(model: Part, features: Part, size: Size) -> Candidates:
    """YOLOX: each cell speaks for its best class."""
    head = model.bbox_head
    classes, deltas, objects = head(features)
    priors = torch.cat(list_priors(head, classes, with_stride=True))
    scores = torch.cat([list_rows(level, head.cls_out_channels) for level in classes], 1).sigmoid()
    objectness = torch.cat([list_rows(level, 1) for level in objects], 1).sigmoid()[..., 0]
    boxes = head._bbox_decode(priors, torch.cat([list_rows(level, 4) for level in deltas], 1))
    score, labels = scores.max(-1)
    return Candidates(boxes, score * objectness, labels)


def _find_at_anchors(model: Part, features: Part, size: Size) -> Candidates:
    """RetinaNet, SSD and others: pairs of a prior and a class, the best of each level."""
    head, config = model.bbox_head, model.test_cfg
    classes, deltas, *factors = head(features)
    levels = []
    for number, prior in enumerate(list_priors(head, classes)):
        scores = activate(head, list_rows(classes[number], head.cls_out_channels))
        scores = scores[..., : head.num_classes]
        keys = scores.masked_fill(scores <= config.get('score_thr', 0), -1.0).flatten(1)
        count = config.get('nms_pre', -1)
        top, pairs = best(keys, count if count > 0 else _MOST)
        rows = pairs // head.num_classes
        if factors:
            factor = list_rows(factors[0][number], 1).sigmoid()[..., 0]
            top = torch.where(top > 0, top * take(factor, rows), top)
        delta = take(list_rows(deltas[number], 4), rows)
        boxes = decode(head.bbox_coder, prior[rows], delta, size)
        levels.append((boxes, drop_small(top, boxes, config), pairs % head.num_classes))
    return Candidates(*(torch.cat(parts, 1) for parts in zip(*levels, strict=True)))


def _find_with_queries(model: Part, features: Part, size: Size) -> Candidates:
    """DETR: no suppression."""
    feature, head = features[-1], model.bbox_head
    tokens = feature.flatten(2).permute(0, 2, 1)
    places = model.positional_encoding(None, input=feature).flatten(2).permute(0, 2, 1)
    places = places.to(tokens)
    memory = model.forward_encoder(feat=tokens, feat_mask=None, feat_pos=places)
    inputs, _ = model.pre_decoder(**memory)
    states = model.forward_decoder(**inputs, memory_mask=None, memory_pos=places)
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
    return Candidates(clip(boxes, size), scores, labels)
