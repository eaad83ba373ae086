"""The stand-in for mmcv's compiled module: torchvision's ops or plain torch, one file per op.

Every function has the name, the arguments and the output tensors of its compiled twin.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from .focal_loss import (
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
    softmax_focal_loss_backward,
    softmax_focal_loss_forward,
)
from .ms_deform_attn import ms_deform_attn_backward, ms_deform_attn_forward
from .nms import nms
from .roi_align import roi_align_backward, roi_align_forward

REMEDY = (
    'install compiled mmcv in place of mmcv-lite: '
    'pip uninstall -y mmcv-lite && pip install --no-build-isolation mmcv==2.1.0 '
    '(needs a C++ compiler, and the CUDA toolkit for ops on GPUs)'
)


def get_compiler_version() -> str:
    """What ``mmcv.utils.collect_env`` reports as the compiler of mmcv's ops."""
    return 'n/a (ops by taco_plugin.compat)'


def get_compiling_cuda_version() -> str:
    """What ``mmcv.utils.collect_env`` reports as the CUDA version of mmcv's ops."""
    return 'n/a (ops by taco_plugin.compat)'


IMPLEMENTED: tuple[Callable[..., Any], ...] = (
    get_compiler_version,
    get_compiling_cuda_version,
    ms_deform_attn_backward,
    ms_deform_attn_forward,
    nms,
    roi_align_backward,
    roi_align_forward,
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
    softmax_focal_loss_backward,
    softmax_focal_loss_forward,
)


class _Extension(ModuleType):
    """A module that has every op; those that nobody implements raise when they are called."""

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith('__'):
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')

        def raise_not_implemented(*args: Any, **kwargs: Any) -> NoReturn:  # noqa: ANN401
            raise NotImplementedError(
                f'mmcv op {name!r} is neither in mmcv-lite nor in its stand-in, '
                f'taco_plugin.compat.ops; {REMEDY}'
            )

        raise_not_implemented.__name__ = name
        return raise_not_implemented


def build_extension() -> ModuleType:
    """A module to stand in for ``mmcv._ext``."""
    extension = _Extension('mmcv._ext', __doc__)
    for op in IMPLEMENTED:
        setattr(extension, op.__name__, op)
    return extension
