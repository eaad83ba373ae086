"""SSD's head against stock, and with weights; in detectors, see test_losses_in_detectors."""

import copy
import math
from typing import Any

import pytest
import torch
from mmdet.models.dense_heads import SSDHead
from mmengine.hub import get_config
from torch import Tensor

import taco_plugin.plugin  # noqa: F401
from taco_plugin.models.ssd_head import TacoSSDHead

pytestmark = pytest.mark.usefixtures('mmdet_scope')

ENTROPY = {'type': 'WeightedCrossEntropyLoss', 'use_sigmoid': False}
CLASSES = 3
SSD300 = get_config('mmdet::ssd/ssd300_coco.py').model


def head(kind: type[SSDHead] = TacoSSDHead, **options: Any) -> SSDHead:
    model = copy.deepcopy(SSD300)
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
