"""Loads MMEngine's checkpoints with ``weights_only=True``, and refuses any that could run code.

Problem: torch >= 2.6 unpickles only globals that it knows to be harmless. The checkpoints of
MMEngine 0.10 hold a few more (numpy arrays, ``HistoryBuffer`` and its bound statistics), so
testing, resuming and fine-tuning fail. Checkpoints from the web, on the other hand, go through
``torch.hub``, which still unpickles anything.

Remedy: the harmless globals are allowed by name, and nothing else. ``builtins.getattr``, through
which ``HistoryBuffer`` is pickled, is replaced by a function that returns only its statistics.

For: torch >= 2.6 with MMEngine 0.10. It can go when ``Runner.load_checkpoint`` loads its own
checkpoint without it (``tests/test_compat/test_checkpoints.py`` passes without ``install``).
"""

import functools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from ..errors import InputError

# Parts of torch's messages for truncated or altered files.
DAMAGE = ('PytorchStreamReader', 'inline_container', 'hasRecord', 'corrupt', 'wrong byte size')
STATISTICS = ('min', 'max', 'current', 'mean')


def history_statistic(owner: type, name: str) -> Callable:
    """The only use of ``getattr`` that a checkpoint may make: ``HistoryBuffer.<statistic>``.

    Raises:
        UnpicklingError: For any other object or attribute.

    >>> history_statistic(HistoryBuffer, 'mean') is HistoryBuffer.mean
    True
    """
    if owner is HistoryBuffer and type(name) is str and name in STATISTICS:
        return getattr(HistoryBuffer, name)
    raise pickle.UnpicklingError(f'Unsupported global: getattr({owner!r}, {name!r})')


def safe_globals() -> list:
    """Globals in MMEngine's checkpoints that are not on torch's own list."""
    reconstruct = np.zeros(1).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    dtypes = [type(np.dtype(code)) for code in '?bBhHiIlLqQefdSU']
    return [
        HistoryBuffer,
        (history_statistic, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        *dtypes,
        # numpy 1 and numpy 2 pickle the same functions under different names.
        *((reconstruct, f'numpy.{core}.multiarray._reconstruct') for core in ('core', '_core')),
        *((scalar, f'numpy.{core}.multiarray.scalar') for core in ('core', '_core')),
    ]


def install() -> None:
    """Installs the fix for every checkpoint that MMEngine loads."""
    if isinstance(mmengine_checkpoint.load_url, functools.partial):
        return
    torch.serialization.add_safe_globals(safe_globals())
    mmengine_checkpoint.load_url = functools.partial(
        mmengine_checkpoint.load_url, weights_only=True
    )
    stock = CheckpointLoader.load_checkpoint

    def load_checkpoint(filename: str, *args: Any, **kwargs: Any) -> dict:  # noqa: ANN401
        try:
            return stock(filename, *args, **kwargs)
        except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
            # Running out of memory is a RuntimeError too, but not the fault of the file.
            if isinstance(error, RuntimeError) and not any(sign in str(error) for sign in DAMAGE):
                raise
            raise InputError(f'{filename}: {_why(error)}') from error

    CheckpointLoader.load_checkpoint = staticmethod(load_checkpoint)


def _why(error: Exception) -> str:
    """Shortens torch's message of many lines to one."""
    text = str(error).strip() or type(error).__name__
    if 'WeightsUnpickler error' not in text and 'Unsupported' not in text:
        return f'not a complete checkpoint, fetch or copy it again ({text.splitlines()[0]})'
    reason = text.split('WeightsUnpickler error:')[-1].strip().splitlines()[0]
    reason = reason.split(' was not an allowed global')[0]
    return f'refused, as loading this checkpoint could run code ({reason})'
