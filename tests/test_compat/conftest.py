import importlib

import pytest

from taco_plugin import compat
from taco_plugin.compat import ops

WRAPPERS = (
    *('deform_conv', 'focal_loss', 'modulated_deform_conv', 'multi_scale_deform_attn', 'nms'),
    'roi_align',
)


@pytest.fixture
def mmcv_ops(monkeypatch):
    """``mmcv.ops`` with our ops under it, also where compiled mmcv is installed."""
    compat.install()
    for name in WRAPPERS:
        module = importlib.import_module(f'mmcv.ops.{name}')
        monkeypatch.setattr(module, 'ext_module', ops)
    return importlib.import_module('mmcv.ops')
