"""Our ops under mmcv's own functions: against compiled mmcv, torch, and numbers worked by hand."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss
from torch.autograd import gradcheck

COMPILED = runpy.run_path(str(Path(__file__).with_name('compiled_mmcv.py')))
TARGET = torch.tensor([0, 2, 3, 1, 3])
ROI = torch.tensor([[0.0, 2, 3, 11, 15]])


def normal(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize('name', COMPILED['CASES'])
def test_equals_compiled_mmcv(mmcv_ops, name):
    """Indices are equal; values and gradients to 1e-5, where they are sums of up to 300 terms.

    Measured: 0 for NMS and RoIAlign, 3e-8 for soft-NMS, 4e-6 for the gradients of deformable
    convolutions (of up to 17), which both libraries add up in another order.
    """
    with np.load(COMPILED['FILE']) as expected:
        for key, array in COMPILED['run'](name, mmcv_ops).items():
            assert array.dtype == expected[key].dtype
            np.testing.assert_allclose(array, expected[key], rtol=0, atol=1e-5)


def attend(ops, value, locations, weights, shapes=((2, 3), (1, 2))):
    shapes = torch.tensor(shapes)
    op = ops.multi_scale_deform_attn.MultiScaleDeformableAttnFunction.apply
    starts = torch.cat([shapes.new_zeros(1), shapes.prod(1).cumsum(0)[:-1]])
    return op(value, shapes, starts, locations, weights, 64)


CALLS = {
    'roi_align': (lambda ops, x: ops.RoIAlign((2, 3), 0.5)(x, ROI.to(x)), [(2, 2, 8, 9)]),
    'deform_conv': (
        lambda ops, *xs: ops.deform_conv2d(*xs, 1, 1),
        [(2, 2, 4, 4), (2, 18, 4, 4), (2, 2, 3, 3)],
    ),
    'modulated_deform_conv': (
        lambda ops, *xs: ops.modulated_deform_conv2d(*xs, None, 1, 1),
        [(2, 2, 4, 4), (2, 18, 4, 4), (2, 9, 4, 4), (2, 2, 3, 3)],
    ),
    'attention': (attend, [(2, 8, 2, 3), (2, 2, 2, 2, 2, 2), (2, 2, 2, 2, 2)]),
    'sigmoid_focal_loss': (lambda ops, x: ops.sigmoid_focal_loss(x, TARGET, 2.0, 0.3), [(5, 3)]),
    'softmax_focal_loss': (lambda ops, x: ops.softmax_focal_loss(x, TARGET, 2.0, 0.3), [(5, 4)]),
}
calls = pytest.mark.parametrize(('call', 'shapes'), CALLS.values(), ids=CALLS.keys())


@calls
def test_gradients(mmcv_ops, call, shapes):
    inputs = [normal(*shape).mul(0.7).requires_grad_() for shape in shapes]
    assert gradcheck(lambda *xs: call(mmcv_ops, *xs), inputs)


@calls
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('autocast', [False, True])
def test_half_precision(mmcv_ops, call, shapes, dtype, autocast):
    """To the precision of bfloat16, 2**-8, of numbers up to 8, as inputs are rounded as well."""
    inputs = [normal(*shape).to(dtype).requires_grad_() for shape in shapes]
    with torch.autocast('cpu', dtype, enabled=autocast):
        output = call(mmcv_ops, *inputs)
    assert output.dtype == dtype
    wide = [tensor.detach().float().requires_grad_() for tensor in inputs]
    expected = call(mmcv_ops, *wide)
    torch.testing.assert_close(output.float(), expected, atol=0.03, rtol=0.02)
    grads = torch.autograd.grad(output.sum(), inputs)
    for grad, other in zip(grads, torch.autograd.grad(expected.sum(), wide), strict=True):
        torch.testing.assert_close(grad.float(), other, atol=0.03, rtol=0.02)


def test_only_the_weights_of_a_deformable_convolution_are_trained(mmcv_ops):
    call, shapes = CALLS['deform_conv']
    inputs = [normal(*shape) for shape in shapes]
    inputs[2].requires_grad_()
    assert gradcheck(lambda weight: call(mmcv_ops, *inputs[:2], weight), inputs[2])


def test_nothing_in_nothing_out(mmcv_ops):
    none = torch.zeros(0, 4), torch.zeros(0)
    assert [len(part) for part in mmcv_ops.nms(*none, 0.5)] == [0, 0]
    assert [len(part) for part in mmcv_ops.soft_nms(*none)] == [0, 0]
    assert mmcv_ops.RoIAlign(2)(torch.ones(1, 3, 4, 4), torch.zeros(0, 5)).shape == (0, 3, 2, 2)


@pytest.mark.parametrize('threshold', [0.3, 0.7])
def test_an_iou_of_the_threshold_itself_does_not_suppress(mmcv_ops, threshold):
    # 3/10 and 7/10 are not float32 numbers.
    boxes = torch.tensor([[0.0, 0, 10, 1], [0, 0, threshold * 10, 1]])
    assert len(mmcv_ops.nms(boxes, torch.tensor([0.9, 0.8]), threshold)[1]) == 2


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_boxes_in_half_precision(mmcv_ops, dtype):
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]], dtype=dtype)
    scores, classes = torch.tensor([0.5, 0.75, 0.25], dtype=dtype), torch.tensor([0, 0, 1])
    for kind, count in (('nms', 2), ('soft_nms', 3)):
        dets, kept = mmcv_ops.batched_nms(
            boxes, scores, classes, {'type': kind, 'iou_threshold': 0.5}
        )
        assert kept[0] == 1
        assert (dets.dtype, len(dets)) == (dtype, count)


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('corner', [torch.nan, torch.inf])
def test_rois_that_are_not_finite_are_refused(mmcv_ops, aligned, corner):
    rois = torch.tensor([[0, 1.0, 2, corner, 9]])
    with pytest.raises(ValueError, match='rois must be finite'):
        mmcv_ops.RoIAlign(2, sampling_ratio=2, aligned=aligned)(torch.ones(1, 1, 4, 4), rois)


def test_an_offset_that_is_nan_reads_nothing(mmcv_ops):
    offset = torch.full((1, 2, 3, 3), torch.nan, requires_grad=True)
    output = mmcv_ops.deform_conv2d(torch.ones(1, 1, 3, 3), offset, torch.ones(1, 1, 1, 1))
    output.sum().backward()
    assert not output.any()
    assert not offset.grad.any()


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('weight', [None, torch.tensor([0.5, 2, 3, 1.5]).double()])
def test_focal_losses_equal_torch(mmcv_ops, gamma, weight):
    """In float64 to 1e-7; compiled mmcv has them for GPUs only."""
    logits, factor = normal(5, 4).requires_grad_(), 1 if weight is None else weight[TARGET]
    log_p = -F.cross_entropy(logits, TARGET, reduction='none')
    softmax = (-0.3 * (1 - log_p.exp()) ** gamma * log_p * factor).sum()
    one_hot = F.one_hot(TARGET, 4).double()
    elements = py_sigmoid_focal_loss(logits, one_hot, None, gamma, 0.3, 'none')
    sigmoid = (elements * torch.as_tensor(factor).reshape(-1, 1)).sum()
    for name, expected in (('softmax', softmax), ('sigmoid', sigmoid)):
        op = getattr(mmcv_ops, f'{name}_focal_loss')
        loss = op(logits, TARGET, gamma, 0.3, weight, 'sum')
        torch.testing.assert_close(loss, expected)
        grads = [torch.autograd.grad(value, logits)[0] for value in (loss, expected)]
        torch.testing.assert_close(*grads)


@pytest.mark.parametrize('name', ['sigmoid_focal_loss', 'softmax_focal_loss'])
@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
def test_focal_losses_of_extreme_logits_are_finite(mmcv_ops, name, gamma):
    logits = torch.tensor([[300.0, -300], [-300, 300], [0, 0]], requires_grad=True)
    loss = getattr(mmcv_ops, name)(logits, torch.tensor([0, 0, 1]), gamma, 0.25, None, 'sum')
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


def test_deformable_attention_by_hand(mmcv_ops):
    # Level 0 has 1 x 1 cells, level 1 has 2 x 4. Points at the centres of cell 0 and cell (1, 2).
    value = torch.arange(9.0).view(1, 9, 1, 1) * 10
    centres = torch.tensor([[0.5, 0.5], [2.5 / 4, 1.5 / 2]]).view(1, 1, 1, 2, 1, 2)
    weights = torch.tensor([0.25, 0.75]).view(1, 1, 1, 2, 1)
    output = attend(mmcv_ops, value, centres, weights, ((1, 1), (2, 4)))
    assert output.item() == pytest.approx(0.25 * 0 + 0.75 * 70)


@pytest.mark.parametrize(
    'call',
    [
        lambda ops: ops.RoIAlign(2, pool_mode='max')(torch.ones(1, 1, 4, 4), ROI),
        lambda ops: ops.carafe(torch.ones(1, 1, 4, 4), torch.ones(1, 9, 8, 8), 3, 1, 2),
    ],
)
def test_an_op_that_nobody_has_says_so_when_it_is_called(mmcv_ops, call):
    with pytest.raises(NotImplementedError, match='is not available: .* compiled mmcv'):
        call(mmcv_ops)
