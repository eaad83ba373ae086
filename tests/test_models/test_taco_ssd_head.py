"""SSD's head against stock, with weights, and in the detectors that MMDetection has it in."""

import copy
import functools
import math
from typing import Any

import pytest
import torch
from mmdet.models.dense_heads import SSDHead
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.hub import get_config
from mmengine.structures import InstanceData
from torch import Tensor, nn

import taco_plugin.plugin  # noqa: F401
from taco_plugin.config import put_on_taco
from taco_plugin.models.dense_heads import TacoSSDHead

pytestmark = pytest.mark.usefixtures('mmdet_scope')

SSD300 = 'mmdet::ssd/ssd300_coco.py'
SSDLITE = 'mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py'
ENTROPY = {'type': 'WeightedCrossEntropyLoss', 'use_sigmoid': False}
CLASSES = 3


read = functools.cache(get_config)


def head(kind: type[SSDHead] = TacoSSDHead, **options: Any) -> SSDHead:
    model = copy.deepcopy(read(SSD300).model)
    settings = {**model.bbox_head, 'num_classes': CLASSES, 'in_channels': (2,) * 6, **options}
    settings.pop('type')
    return kind(**settings, train_cfg=model.train_cfg, test_cfg=model.test_cfg)


def targets_of(labels: list[int]) -> dict[str, Tensor]:
    """What a head has for an image with anchors of these labels, the last of them without weight.

    Boxes are 20 px wide, the targets are a little off.
    """
    torch.manual_seed(0)
    rows = len(labels)
    corners = 100 * torch.rand(rows, 2)
    label_weights = torch.ones(rows)
    label_weights[-1] = 0
    objects = torch.tensor(labels) < CLASSES
    return {
        'anchor': torch.cat([corners, corners + 20], 1),
        'labels': torch.tensor(labels),
        'label_weights': label_weights,
        'bbox_targets': torch.randn(rows, 4) / 10,
        'bbox_weights': objects[:, None].repeat(1, 4).float(),
        'avg_factor': max(int(objects.sum()), 1),
    }


def losses_and_gradients(
    head: SSDHead, scores: Tensor, labels: list[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    scores = scores.clone().requires_grad_()
    boxes = torch.full((len(labels), 4), 0.1, requires_grad=True)
    loss_cls, loss_bbox = head.loss_by_feat_single(scores, boxes, **targets_of(labels))
    (loss_cls.sum() + loss_bbox).backward()
    return loss_cls, loss_bbox, scores.grad, boxes.grad


@pytest.mark.parametrize('loss_cls', [None, ENTROPY, {**ENTROPY, 'class_weights': [1, 1, 1]}])
@pytest.mark.parametrize(
    'labels',
    [[0, 3, 2, *[3] * 12], [1, 2, 0, 3, 0, 3], [3] * 5, [0, 1, 2]],
    ids=['more background than counts', 'less', 'no object', 'no background'],
)
@pytest.mark.parametrize('decoded', [False, True])
def test_unweighted_cross_entropy_is_stock(loss_cls, labels, decoded):
    torch.manual_seed(1)
    scores = 3 * torch.randn(len(labels), CLASSES + 1)
    ours, stock = (
        losses_and_gradients(one, scores, labels)
        for one in (
            head(loss_cls=loss_cls, reg_decoded_bbox=decoded),
            head(SSDHead, reg_decoded_bbox=decoded),
        )
    )
    torch.testing.assert_close(ours, stock)


def test_weights_worked_by_hand():
    loss = {**ENTROPY, 'class_weights': [5, 1, 2], 'background_weight': 0.5}
    labels = [0, 0, 2, *[3] * 20]  # logits of 0: log(4) each; 9 rows of background count
    scores = torch.zeros(len(labels), CLASSES + 1)
    loss_cls, *_ = losses_and_gradients(head(loss_cls=loss), scores, labels)
    expected = (5 + 5 + 2 + 9 * 0.5) * math.log(4) / 3
    torch.testing.assert_close(loss_cls, torch.tensor([expected]))


@pytest.mark.parametrize('kind', ['WeightedCrossEntropyLoss', 'WeightedFocalLoss'])
def test_background_of_the_highest_loss_counts(kind):
    labels = [1, *[3] * 8]
    scores = torch.zeros(len(labels), CLASSES + 1)
    scores[torch.tensor([2, 4, 7]), 0] = 4.0  # takes background for an object
    loss = {**ENTROPY, 'type': kind, 'class_weights': [1, 9, 1]}
    *_, gradient, _ = losses_and_gradients(head(loss_cls=loss), scores, labels)
    assert gradient.abs().sum(1).nonzero().flatten().tolist() == [0, 2, 4, 7]


def test_without_objects_nothing_is_lost():
    loss = {**ENTROPY, 'type': 'WeightedFocalLoss', 'class_weights': [1, 2, 3]}
    labels = [3] * 4
    for value in losses_and_gradients(head(loss_cls=loss), torch.randn(4, 4), labels):
        torch.testing.assert_close(value, torch.zeros_like(value))


@pytest.mark.parametrize('kind', ['CrossEntropyLoss', 'WeightedFocalLoss'])
def test_sigmoid_is_refused(kind):
    with pytest.raises(ValueError, match='use_sigmoid=False'):
        head(loss_cls={'type': kind, 'use_sigmoid': True})


def detector(base: str, stock: bool = False, **loss_cls: Any) -> nn.Module:
    config = copy.deepcopy(read(base))
    put_on_taco(config, taxonomy='detectwaste7')
    config.model.backbone.init_cfg = None
    assert config.model.bbox_head.type == 'TacoSSDHead'
    if stock:
        config.model.bbox_head.type = 'SSDHead'
    if loss_cls:
        config.model.bbox_head.loss_cls = loss_cls
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    return model


def batch(model: nn.Module, images: int, size: int) -> dict:
    """Images with a box of the first and of the last class, but the last image."""
    samples = []
    for index in range(images):
        shape = {name: (size, size) for name in ('img_shape', 'ori_shape', 'pad_shape')}
        sample = DetDataSample(metainfo={**shape, 'scale_factor': (1, 1)})
        count = 2 if index < images - 1 else 0
        boxes = torch.tensor([[10.0, 10, 150, 150], [160, 100, 290, 280]])[:count]
        labels = torch.tensor([0, 6])[:count]
        sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
        samples.append(sample)
    torch.manual_seed(0)
    inputs = list(torch.randint(0, 255, (images, 3, size, size), dtype=torch.uint8))
    return model.data_preprocessor({'inputs': inputs, 'data_samples': samples}, training=True)


def test_ssd300_predicts_where_stock_fails():
    model = detector(SSD300).eval()
    with torch.no_grad():
        (sample,) = model(**batch(model, images=1, size=300), mode='predict')
        scores, labels = sample.pred_instances.scores, sample.pred_instances.labels
        assert len(scores) > 0
        assert ((scores > 0) & (scores <= 1)).all()
        assert set(labels.tolist()) <= set(range(7))
        stock = head(SSDHead)
        features = [torch.zeros(1, 2, 2, 2)] * len(stock.cls_convs)
        with pytest.raises(AttributeError, match='loss_cls'):
            stock.predict_by_feat(*stock(features), batch_img_metas=[{'img_shape': (300, 300)}])


def test_ssdlite_trains_as_stock_does():
    steps = []
    for stock in (False, True):
        model = detector(SSDLITE, stock)
        losses = model(**batch(model, images=2, size=320), mode='loss')
        total, logged = model.parse_losses(losses)
        total.backward()
        layers = [convs[-1].weight.grad for convs in model.bbox_head.cls_convs]
        steps.append((logged, layers))
    assert steps[0][0]['loss_cls'] > 0
    torch.testing.assert_close(*steps)


def test_ssdlite_trains_with_class_weights():
    weighted = {**ENTROPY, 'class_weights': [2.0] * 7, 'background_weight': 2.0}
    logged = []
    for loss in (ENTROPY, weighted):
        model = detector(SSDLITE, **loss)
        losses = model(**batch(model, images=2, size=320), mode='loss')
        logged.append(model.parse_losses(losses)[1])
    torch.testing.assert_close(logged[1]['loss_cls'], 2 * logged[0]['loss_cls'])
    torch.testing.assert_close(logged[1]['loss_bbox'], logged[0]['loss_bbox'])
