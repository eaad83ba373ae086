import importlib

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from taco_plugin.compat import mmcv_ext
from taco_plugin.compat.ops import build_extension

EMPTY = torch.empty(0, dtype=torch.float64)
TARGET = torch.tensor([0, 2, 3, 1, 3])


@pytest.fixture
def mmcv_focal_loss(monkeypatch):
    """``mmcv.ops.focal_loss`` with the stand-in under it, also where compiled mmcv is there."""
    mmcv_ext.install()
    module = importlib.import_module('mmcv.ops.focal_loss')
    monkeypatch.setattr(module, 'ext_module', build_extension())
    return module


def make_logits(classes=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, classes, dtype=torch.float64, generator=generator) * 3


def sigmoid_focal_loss_by_loops(logits, target, gamma, alpha, weight=None):
    loss = torch.zeros_like(logits)
    for n, c in torch.cartesian_prod(*map(torch.arange, logits.shape)).tolist():
        is_class = target[n] == c
        p = logits[n, c].sigmoid() if is_class else 1 - logits[n, c].sigmoid()
        loss[n, c] = -(alpha if is_class else 1 - alpha) * (1 - p) ** gamma * p.log()
        if weight is not None and target[n] < len(weight):
            loss[n, c] *= weight[target[n]]
    return loss


def test_sigmoid_focal_loss_by_hand(mmcv_focal_loss):
    # p = 0.8 for a positive: 0.25 * 0.2**2 * -ln 0.8; p = 0.2 for a negative: three times that.
    logits = torch.tensor([[4.0, 0.25]]).log()
    loss = mmcv_focal_loss.sigmoid_focal_loss(logits, torch.tensor([0]), 2.0, 0.25, None, 'none')
    torch.testing.assert_close(loss, torch.tensor([[0.0022314355, 0.0066943065]]))


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('weight', [None, torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)])
def test_sigmoid_focal_loss_equals_loops(mmcv_focal_loss, gamma, weight):
    logits = make_logits().requires_grad_()
    loss = mmcv_focal_loss.sigmoid_focal_loss(logits, TARGET, gamma, 0.3, weight, 'none')
    expected = sigmoid_focal_loss_by_loops(logits, TARGET, gamma, 0.3, weight)
    torch.testing.assert_close(loss, expected)
    (grad,) = torch.autograd.grad(loss.sum(), logits)
    (expected_grad,) = torch.autograd.grad(expected.sum(), logits)
    torch.testing.assert_close(grad, expected_grad)


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('weight', [None, torch.tensor([0.5, 2.0, 3.0, 1.5], dtype=torch.float64)])
def test_softmax_focal_loss_equals_log_softmax(mmcv_focal_loss, gamma, weight):
    logits = make_logits(classes=4).requires_grad_()
    loss = mmcv_focal_loss.softmax_focal_loss(logits, TARGET, gamma, 0.3, weight, 'none')
    log_p = -F.cross_entropy(logits, TARGET, reduction='none')
    expected = -0.3 * (1 - log_p.exp()) ** gamma * log_p
    if weight is not None:
        expected = expected * weight[TARGET]
    torch.testing.assert_close(loss, expected)
    # mmcv's backward multiplies by the gradient of the reduced loss, and knows no other.
    (grad,) = torch.autograd.grad(
        mmcv_focal_loss.softmax_focal_loss(logits, TARGET, gamma, 0.3, weight, 'sum'), logits
    )
    (expected_grad,) = torch.autograd.grad(expected.sum(), logits)
    torch.testing.assert_close(grad, expected_grad)


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize('name', ['sigmoid_focal_loss', 'softmax_focal_loss'])
@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
def test_extreme_logits_stay_finite(mmcv_focal_loss, dtype, name, gamma):
    logits = torch.tensor([[300.0, -300.0], [-300.0, 300.0], [0.0, 0.0]], dtype=dtype)
    logits.requires_grad_()
    loss = getattr(mmcv_focal_loss, name)(logits, torch.tensor([0, 0, 1]), gamma, 0.25, None, 'sum')
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


def test_softmax_focal_loss_ignores_negative_targets():
    ext, probability = build_extension(), make_logits().softmax(1)
    target = torch.tensor([0, -1, 2, 1, -1])
    loss, buff, grad = probability.new_ones(5), probability.new_ones(5), torch.ones(5, 3).double()
    ext.softmax_focal_loss_forward(probability, target, EMPTY, loss, gamma=2.0, alpha=0.25)
    ext.softmax_focal_loss_backward(probability, target, EMPTY, buff, grad, gamma=2.0, alpha=0.25)
    for tensor in (loss, buff, grad):
        assert not tensor[target < 0].any()
        assert tensor[target >= 0].all()


def test_gradients(mmcv_focal_loss):
    logits = make_logits().requires_grad_()
    assert gradcheck(lambda x: mmcv_focal_loss.sigmoid_focal_loss(x, TARGET, 2.0, 0.25), logits)
    target = TARGET.clamp(max=2)
    assert gradcheck(lambda x: mmcv_focal_loss.softmax_focal_loss(x, target, 2.0, 0.25), logits)
