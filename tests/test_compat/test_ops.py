import importlib

import pytest
import torch
from torch.autograd import gradcheck

from taco_plugin.compat import mmcv_ext
from taco_plugin.compat.ops import build_extension
from taco_plugin.compat.ops.torchvision_ops import torchvision_ops


@pytest.fixture
def mmcv_ops(standin, monkeypatch):
    """``mmcv.ops`` with the stand-in under it, also where compiled mmcv is installed."""
    mmcv_ext.install()
    for name in ('nms', 'roi_align'):
        module = importlib.import_module(f'mmcv.ops.{name}')
        monkeypatch.setattr(module, 'ext_module', standin)
    return importlib.import_module('mmcv.ops')


@pytest.mark.parametrize('pool_mode', ['avg', 'max'])
@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
def test_gradient_of_roi_align(mmcv_ops, pool_mode, aligned, sampling_ratio):
    features = torch.randn(2, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 1, 2, 7, 8], [1, -3, 0, 20, 9], [1, 5, 5, 5, 5]]).double()
    align = mmcv_ops.RoIAlign((2, 3), 0.5, sampling_ratio, pool_mode, aligned)
    assert gradcheck(lambda x: align(x, rois), features)


def test_batched_nms_keeps_classes_apart(mmcv_ops):
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9.5]])
    config = {'type': 'nms', 'iou_threshold': 0.5}
    scores, classes = torch.tensor([0.7, 0.8, 0.9]), torch.tensor([0, 1, 0])
    detections, kept = mmcv_ops.batched_nms(boxes, scores, classes, config)
    assert kept.tolist() == [2, 1]
    torch.testing.assert_close(detections[:, 4], torch.tensor([0.9, 0.8]))


@pytest.fixture
def deformable_attention(monkeypatch):
    """The function by which mmcv calls the op on a GPU."""
    mmcv_ext.install()
    module = importlib.import_module('mmcv.ops.multi_scale_deform_attn')
    monkeypatch.setattr(module, 'ext_module', build_extension())
    return module.MultiScaleDeformableAttnFunction.apply


def test_deformable_attention_by_hand(deformable_attention):
    # Level 0 has 1 x 1 cells, level 1 has 2 x 4. Points at the centres of cell 0 and cell (1, 2).
    value = torch.arange(9.0, dtype=torch.float64).view(1, 9, 1, 1) * 10
    shapes, starts = torch.tensor([[1, 1], [2, 4]]), torch.tensor([0, 1])
    centres = torch.tensor([[0.5, 0.5], [2.5 / 4, 1.5 / 2]]).double().view(1, 1, 1, 2, 1, 2)
    weights = torch.tensor([0.25, 0.75]).double().view(1, 1, 1, 2, 1)
    output = deformable_attention(value, shapes, starts, centres, weights, 64)
    assert output.item() == pytest.approx(0.25 * 0 + 0.75 * 70)


def test_gradient_of_deformable_attention(deformable_attention):
    shapes, starts = torch.tensor([[2, 3], [1, 2]]), torch.tensor([0, 6])
    generator = torch.Generator().manual_seed(0)
    value, locations, weights = (
        torch.rand(*shape, dtype=torch.float64, generator=generator, requires_grad=True)
        for shape in ((2, 8, 2, 3), (2, 2, 2, 2, 2, 2), (2, 2, 2, 2, 2))
    )
    assert gradcheck(
        lambda v, p, w: deformable_attention(v, shapes, starts, p, w, 64),
        (value, locations, weights),
    )


def test_missing_op_raises_by_name_when_called():
    ext = build_extension()
    op = ext.deform_conv_forward
    with pytest.raises(NotImplementedError, match=r"'deform_conv_forward'.*install compiled mmcv"):
        op(1, weight=2)


def test_has_no_special_attributes_of_its_own():
    with pytest.raises(AttributeError, match='__path__'):
        _ = build_extension().__path__


def test_torchvision_is_a_source_where_it_loads():
    pytest.importorskip(
        'torchvision',
        reason="torchvision's compiled ops cannot be loaded: plain torch is the only source tested",
        exc_type=(ImportError, RuntimeError),
    )
    assert torchvision_ops() is torch.ops.torchvision
