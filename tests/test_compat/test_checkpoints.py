import os
import pickle
import re
from pathlib import Path
from unittest.mock import Mock
from urllib.error import URLError

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


def refusal(path: Path) -> str:
    """The one line that loading ends in."""
    with pytest.raises(InputError, match=path.name) as error:
        load(path)
    message = str(error.value)
    assert '\n' not in message
    assert 'weights_only' not in message
    return message


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


@pytest.mark.parametrize('legacy', [False, True])
@pytest.mark.parametrize('place', [20, 60, 400, 2000, -1])
def test_a_checkpoint_that_is_cut_short_is_named(tmp_path, place, legacy):
    path = tmp_path / 'bad.pth'
    torch.save({'w': torch.ones(999)}, path, _use_new_zipfile_serialization=not legacy)
    path.write_bytes(path.read_bytes()[:place])
    assert 'cut short or damaged' in refusal(path)


def test_a_damaged_checkpoint_is_named(tmp_path):
    path = tmp_path / 'bad.pth'
    torch.save({'w': torch.ones(999)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:400] + bytes(200) + whole[600:])
    assert 'cut short or damaged' in refusal(path)
    path.write_bytes(whole[:2000] + bytes(20) + whole[2020:])  # torch loads it
    assert 'damaged; copy or download it again' in refusal(path)


def test_weights_that_cannot_be_fetched_are_named_with_a_way_out(monkeypatch):
    def fail(*args, **kwargs):
        raise URLError('Network is unreachable')

    monkeypatch.setattr(torch.hub, 'download_url_to_file', fail)
    with pytest.raises(InputError, match=r'https://no.host/a.pth: cannot be fetched .*=None'):
        load('https://no.host/a.pth')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'an empty file'),
        (b'error', 'text instead of a checkpoint'),
        (b'Redirecting...', 'text instead of a checkpoint'),
        (b'could not be found\n', 'text instead of a checkpoint'),
        (b'\n<!DOCTYPE html><p>404', 'an HTML page instead of a checkpoint'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0a\n', 'run `git lfs pull`'),
        (pickle.dumps([1, 2]), 'a pickled list instead of a dict of weights'),
        (pickle.dumps(Runs(os.system, 'true')), r'refused, .* \(posix\.system\)'),
        (b"cposix\nsystem\n(S'true'\ntR.", r'refused, .* \(posix\.system\)'),
    ],
)
def test_a_file_that_is_no_checkpoint_is_said_to_be_what_it_is(tmp_path, content, message):
    path = tmp_path / 'bad.pth'
    path.write_bytes(content)
    assert re.search(message, refusal(path))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([torch.ones(1)], 'its content is a list instead of a dict'),
        ({'meta': None, 'state_dict': {}}, 'its meta is a NoneType instead of a dict'),
        ({'state_dict': [1]}, 'its state_dict is a list instead of a dict'),
        ({'state_dict': {'weight': 1}}, 'its state_dict holds something else than weights'),
        ({'meta': Runs(os.system, 'true')}, r'refused, .* \(posix\.system\)'),
    ],
)
@pytest.mark.parametrize('legacy', [False, True])
def test_content_that_is_not_of_a_checkpoint_is_named(tmp_path, content, message, legacy):
    path = tmp_path / 'bad.pth'
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    assert re.search(message, refusal(path))


def test_a_folder_is_named(tmp_path):
    assert 'a folder instead of a checkpoint' in refusal(tmp_path)


def test_weights_alone_are_loaded(tmp_path):
    torch.save({'weight': torch.ones(1)}, tmp_path / 'weights.pth')
    assert load(tmp_path / 'weights.pth') == {'weight': torch.ones(1)}


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
