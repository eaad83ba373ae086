"""Loads checkpoints safely, saves them whole, and resumes from one that is whole.

Problem 1: torch >= 2.6 unpickles only globals that it knows to be harmless. The checkpoints of
MMEngine 0.10 hold a few more (numpy arrays, ``HistoryBuffer`` and its bound statistics), so
testing, resuming and fine-tuning fail. Checkpoints from the web, on the other hand, go through
``torch.hub``, which still unpickles anything. Remedy: the harmless globals are allowed by name, and
nothing else. ``builtins.getattr``, through which ``HistoryBuffer`` is pickled, is replaced by a
function that returns only its statistics. It can go when ``Runner.load_checkpoint`` loads its own
checkpoint without it (``tests/test_compat/test_checkpoints.py`` passes without ``install``).

Problem 2: MMEngine removes an old checkpoint before it writes the next, and writes in place, so a
kill may leave none. Remedy: files are written beside and renamed, old ones are removed last, and
``--resume`` takes the newest checkpoint that can be loaded. It can go when MMEngine does the same.
"""

import errno
import functools
import logging
import os
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner import Runner
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import runner as mmengine_runner
from mmengine.runner.checkpoint import CheckpointLoader

from ..checkpoint_files import is_machines_fault, refuse_altered, say_why_not
from ..errors import InputError
from ..files import write_file

_stock_load = CheckpointLoader.load_checkpoint
_stock_before_train = CheckpointHook.before_train
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
    raise UnpicklingError(f'Unsupported global: getattr({owner!r}, {name!r})')


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
    """Installs both fixes for every checkpoint that MMEngine loads and saves."""
    if isinstance(mmengine_checkpoint.load_url, functools.partial):
        return
    torch.serialization.add_safe_globals(safe_globals())
    mmengine_checkpoint.load_url = functools.partial(
        mmengine_checkpoint.load_url, weights_only=True
    )
    CheckpointLoader.load_checkpoint = staticmethod(load_checkpoint)
    mmengine_runner.find_latest_checkpoint = find_whole_checkpoint
    LocalBackend.put = _put
    CheckpointHook.before_train = _before_train
    for name in ('_save_best_checkpoint', '_save_checkpoint_with_step'):
        save = functools.partialmethod(_removing_last, getattr(CheckpointHook, name))
        setattr(CheckpointHook, name, save)


def load_checkpoint(filename: str, *args: Any, **kwargs: Any) -> dict:  # noqa: ANN401
    """Replaces ``CheckpointLoader.load_checkpoint``.

    Raises:
        InputError: If the file is not a checkpoint; says what it is.
    """
    path = os.path.expanduser(filename)
    if filename.startswith('http'):
        path = os.path.join(torch.hub.get_dir(), 'checkpoints', os.path.basename(filename))
    if os.path.isdir(path):
        raise InputError(f'{path}: a folder instead of a checkpoint')
    try:
        checkpoint = _stock_load(filename, *args, **kwargs)
    except Exception as error:
        system = getattr(error, 'errno', None) not in (None, errno.EINVAL)
        if isinstance(error, OSError) and '://' in filename:
            offline = 'offline, name a file, or train with --cfg-options load_from=None'
            raise InputError(f'{filename}: cannot be fetched ({error}); {offline}') from error
        if system or is_machines_fault(error) or not os.path.isfile(path):
            raise
        raise InputError(f'{path}: {say_why_not(path, str(error))}') from error
    refuse_altered(path)
    parts = checkpoint if isinstance(checkpoint, dict) else {'content': checkpoint}
    for name in ('content', 'meta', 'state_dict'):
        if not isinstance(parts.get(name, {}), dict):
            kind = type(parts[name]).__name__
            raise InputError(f'{path}: its {name} is a {kind} instead of a dict')
    if not all(map(torch.is_tensor, parts.get('state_dict', {}).values())):
        raise InputError(f'{path}: its state_dict holds something else than weights')
    return checkpoint


def _put(backend: LocalBackend, content: bytes, path: str | Path) -> None:
    """Replaces ``LocalBackend.put``, which writes checkpoints among others."""
    write_file(path, lambda beside: beside.write_bytes(content))


def _removing_last(hook: CheckpointHook, save: Callable, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
    """Removes only after saving what ``save``, a method of the hook, would remove before."""
    old: list[str] = []
    with patch.object(hook.file_backend, 'remove', old.append):
        save(hook, *args, **kwargs)
    for path in set(old) - {hook.last_ckpt, getattr(hook, 'best_ckpt_path', None)}:
        hook.file_backend.remove(path)


def _before_train(hook: CheckpointHook, runner: Runner) -> None:
    """Replaces ``CheckpointHook.before_train``; makes up for a validation that a kill prevented."""
    _stock_before_train(hook, runner)
    loop, in_epochs = runner.train_loop, hook.by_epoch
    done = runner.epoch if in_epochs else runner.iter
    end = runner.max_epochs if in_epochs else runner.max_iters
    due = done and done >= loop.val_begin and (done % loop.val_interval == 0 or done == end)
    # Only if it was the best, a checkpoint is saved again after its validation.
    best = runner.message_hub.runtime_info.get('best_ckpt') or ''
    if due and runner.val_loop and not best.endswith(hook.filename_tmpl.format(done)):
        runner.val_loop.run()


def find_whole_checkpoint(work_dir: str) -> str | None:
    """Finds the checkpoint that ``last_checkpoint`` names, or else the newest that is whole.

    Raises:
        InputError: If there are checkpoints, but none is whole.
    """
    last = Path(work_dir, 'last_checkpoint')
    named = last.read_text().strip() if last.is_file() else ''
    beside = Path(work_dir, os.path.basename(named))  # if the folder is a copy
    others = Path(work_dir).glob('[!b]*_*.pth')  # best_*.pth lack the state of the training
    newest = map(str, sorted(others, key=os.path.getmtime, reverse=True))
    first = str(beside) if beside.is_file() else named
    paths = dict.fromkeys(filter(None, [first, *newest]))
    reason = ''
    for path in paths:
        try:
            CheckpointLoader.load_checkpoint(path, map_location='cpu')
            return path
        except (InputError, OSError) as error:
            reason = str(error)
            print_log(f'not resumed, looking for an older one: {error}', 'current', logging.WARNING)
    if paths:
        none = f'no whole checkpoint to resume from ({reason})'
        raise InputError(f'{work_dir}: {none}; train without --resume')
    print_log(f'{work_dir}: no checkpoint to resume from; a new training', 'current')
    return None
