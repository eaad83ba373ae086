import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from taco_plugin import compat
from taco_plugin.compat.checkpoints import history_statistic
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
    saved = {
        'state_dict': {'weight': torch.arange(3.0)},
        'message_hub': {'log_scalars': {'loss': history}, 'best': np.float64(0.5)},
        'meta': {'dataset_meta': {'classes': ('Can', 'Cup')}, 'seeds': np.arange(3)},
    }
    torch.save(saved, tmp_path / 'epoch_1.pth')
    loaded = load(tmp_path / 'epoch_1.pth')
    assert torch.equal(loaded['state_dict']['weight'], torch.arange(3.0))
    assert loaded['message_hub']['log_scalars']['loss'].mean() == 2.0
    assert loaded['message_hub']['best'] == 0.5
    assert loaded['meta']['seeds'].tolist() == [0, 1, 2]


@pytest.mark.parametrize('dtype', ['bool', 'uint8', 'int32', 'int64', 'float16', 'float32'])
def test_arrays_of_every_common_dtype_are_loaded(tmp_path, dtype):
    torch.save({'array': np.ones(2, dtype)}, tmp_path / 'a.pth')
    assert load(tmp_path / 'a.pth')['array'].dtype == dtype


@pytest.mark.parametrize(
    ('function', 'args'),
    [
        (exec, ('open("{ran}", "w")',)),
        (eval, ('open("{ran}", "w")',)),
        (getattr, (Path, 'touch')),
        (getattr, (HistoryBuffer, '__init__')),
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


@pytest.mark.parametrize('owner', [HistoryBuffer([1], [1]), np, 'HistoryBuffer', object])
def test_the_stand_in_for_getattr_gives_only_statistics_of_the_class(owner):
    with pytest.raises(pickle.UnpicklingError):
        history_statistic(owner, 'mean')
    with pytest.raises(pickle.UnpicklingError):
        history_statistic(HistoryBuffer, 'update')


def test_a_name_that_compares_as_a_statistic_is_refused():
    class Sly(str):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    with pytest.raises(pickle.UnpicklingError):
        history_statistic(HistoryBuffer, Sly('__dict__'))


def test_downloads_are_unpickled_with_weights_only(monkeypatch):
    assert mmengine_checkpoint.load_url.keywords == {'weights_only': True}


def test_a_truncated_checkpoint_is_named(tmp_path):
    torch.save({'weight': torch.ones(1000)}, tmp_path / 'whole.pth')
    (tmp_path / 'cut.pth').write_bytes((tmp_path / 'whole.pth').read_bytes()[:2000])
    with pytest.raises(InputError, match=r'cut\.pth: not a complete checkpoint'):
        load(tmp_path / 'cut.pth')


def test_a_file_that_is_no_checkpoint_is_named(tmp_path):
    (tmp_path / 'page.pth').write_text('<html>404</html>')
    with pytest.raises(InputError, match=r'page\.pth: ') as error:
        load(tmp_path / 'page.pth')
    assert '\n' not in str(error.value)


def test_a_missing_checkpoint_stays_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.pth'):
        load(tmp_path / 'none.pth')


def test_installing_twice_changes_nothing():
    before = CheckpointLoader.load_checkpoint
    compat.install()
    assert CheckpointLoader.load_checkpoint is before
