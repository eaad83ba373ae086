from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from taco_plugin import compat
from taco_plugin.errors import InputError

compat.install()


class Runs:
    """Unpickles to a call: what an attacker puts into a checkpoint."""

    def __init__(self, function, *args) -> None:
        self.call = function, args

    def __reduce__(self):
        return self.call


def load(path: Path) -> dict:
    return CheckpointLoader.load_checkpoint(str(path), map_location='cpu')


def test_what_mmengine_saves_is_loaded(tmp_path):
    history = HistoryBuffer([1.0, 3.0], [1, 1])
    dtypes = ('bool', 'uint8', 'int32', 'int64', 'float16', 'float32')
    saved = {
        'state_dict': {'weight': torch.arange(3.0)},
        'message_hub': {'log_scalars': {'loss': history}, 'best': np.float64(0.5)},
        'meta': {'seeds': np.arange(3), **{dtype: np.ones(2, dtype) for dtype in dtypes}},
    }
    torch.save(saved, tmp_path / 'epoch_1.pth')
    loaded = load(tmp_path / 'epoch_1.pth')
    assert torch.equal(loaded['state_dict']['weight'], torch.arange(3.0))
    assert loaded['message_hub']['log_scalars']['loss'].mean() == 2.0
    assert loaded['message_hub']['best'] == 0.5
    assert loaded['meta']['seeds'].tolist() == [0, 1, 2]
    assert all(loaded['meta'][dtype].dtype == dtype for dtype in dtypes)


@pytest.mark.parametrize(
    ('function', 'args'),
    [
        (exec, ('open("{ran}", "w")',)),
        (eval, ('open("{ran}", "w")',)),
        (getattr, (Path, 'touch')),
        (getattr, (HistoryBuffer, '__init__')),
        (getattr, (HistoryBuffer, 'update')),
        (getattr, (HistoryBuffer([1], [1]), 'mean')),
        (getattr, (torch.Tensor, 'numpy')),
    ],
)
@pytest.mark.parametrize('legacy', [False, True])
def test_a_checkpoint_that_runs_code_is_refused(tmp_path, function, args, legacy):
    ran = tmp_path / 'ran'
    args = [arg.format(ran=ran) if isinstance(arg, str) else arg for arg in args]
    path = tmp_path / 'evil.pth'
    evil = {'state_dict': {'weight': torch.ones(1)}, 'meta': Runs(function, *args)}
    torch.save(evil, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InputError, match=r'evil\.pth: refused, .* could run code') as error:
        load(path)
    assert '\n' not in str(error.value)
    assert not ran.exists()


def test_downloads_are_unpickled_with_weights_only(monkeypatch):
    assert mmengine_checkpoint.load_url.keywords == {'weights_only': True}


@pytest.mark.parametrize(
    ('damage', 'legacy'),
    [('cut', False), ('cut', True), ('zeros', False), ('empty', False), ('page', False)],
)
def test_a_damaged_checkpoint_is_named(tmp_path, damage, legacy):
    path = tmp_path / 'bad.pth'
    torch.save({'w': torch.ones(999)}, path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    zeros = whole[:400] + bytes(200) + whole[600:]
    damaged = {'cut': whole[:2000], 'zeros': zeros, 'empty': b'', 'page': b'<html>404</html>'}
    path.write_bytes(damaged[damage])
    with pytest.raises(InputError, match=r'bad\.pth: (not a complete checkpoint|refused)') as error:
        load(path)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    'error',
    [
        torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.'),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate"),
        FileNotFoundError(2, 'No such file', 'none.pth'),
    ],
)
def test_an_error_that_is_not_of_the_file_stays_what_it_is(tmp_path, monkeypatch, error):
    torch.save({}, tmp_path / 'good.pth')
    monkeypatch.setattr(torch, 'load', Mock(side_effect=error))
    compat.install()  # again: nothing is wrapped twice
    with pytest.raises(type(error)) as raised:
        load(tmp_path / 'good.pth')
    assert raised.value is error
