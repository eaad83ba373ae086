import importlib
from importlib.machinery import PathFinder

import mmcv
import pytest

from taco_plugin.compat import ops
from taco_plugin.compat.ops.torchvision_ops import torchvision_ops

SOURCES = ['torch'] if torchvision_ops() is None else ['torch', 'torchvision']


@pytest.fixture(params=SOURCES)
def standin(request, monkeypatch):
    """What replaces ``mmcv._ext``, by each source that is there."""
    if request.param == 'torch':
        for name in ('nms', 'roi_align'):
            module = importlib.import_module(f'taco_plugin.compat.ops.{name}')
            monkeypatch.setattr(module, 'torchvision_ops', lambda: None)
    return ops.build_extension()


@pytest.fixture
def compiled():
    """mmcv's own compiled module; a test skips where mmcv-lite is installed."""
    if PathFinder.find_spec('mmcv._ext', mmcv.__path__) is None:
        pytest.skip('compiled mmcv is not installed')
    return importlib.import_module('mmcv._ext')
