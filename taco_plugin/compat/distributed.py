"""Lets several processes train without an accelerator, and write test scores safely.

Problem 1: MMEngine 0.10 calls ``torch.cuda.set_device`` when it sets up a process group, and gives
``device_ids`` to ``DistributedDataParallel``, which refuses them for a model on the CPU. Remedy:
without an accelerator, use the gloo backend and pass no devices. It can go when
``tools/dist_train.sh CONFIG 2`` trains on a CPU without it.

MMEngine also leaves the group to the end of the process, where the threads of gloo now and then
abort it ("terminate called without an active exception"), as the model keeps them alive. The group
is taken down before, and our commands end without Python's finalization (:func:`end_process`).

Problem 2: every process writes the scores of a test to the same JSON file, which may break it.
Remedy: only the main process writes. It can go when ``LoggerHook.after_test_epoch`` does this.
"""

import atexit
import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import torch.distributed
from mmengine.device import get_device
from mmengine.dist import master_only
from mmengine.dist import utils as dist_utils
from mmengine.hooks import LoggerHook
from mmengine.model import MMDistributedDataParallel


def install() -> None:
    """Installs both fixes; with an accelerator the first changes nothing."""
    if not hasattr(LoggerHook.after_test_epoch, '__wrapped__'):
        LoggerHook.after_test_epoch = master_only(LoggerHook.after_test_epoch)
    if get_device() == 'cpu' and not hasattr(MMDistributedDataParallel.__init__, '__wrapped__'):
        dist_utils._init_dist_pytorch = _init_gloo
        MMDistributedDataParallel.__init__ = _without_devices(MMDistributedDataParallel.__init__)


def _init_gloo(backend: str, init_backend: str = 'torch', **kwargs: Any) -> None:  # noqa: ANN401
    """Replaces MMEngine's ``_init_dist_pytorch``; uses gloo, as ``backend`` needs devices."""
    torch.distributed.init_process_group(backend='gloo', **kwargs)
    atexit.register(_leave_group)


def _leave_group() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def end_process() -> None:
    """Ends a process that has succeeded and belongs to a gloo group, once all is written."""
    if torch.distributed.is_initialized() and torch.distributed.get_backend() == 'gloo':
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _without_devices(init: Callable) -> Callable:
    @functools.wraps(init)
    def __init__(self: MMDistributedDataParallel, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, N807
        kwargs.pop('device_ids', None)
        init(self, *args, **kwargs)

    return __init__
