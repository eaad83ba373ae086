import os

import pytest

from taco_plugin.checkpoint_files import best_checkpoint
from taco_plugin.errors import InputError


def test_the_best_checkpoint_is_the_newest_best(tmp_path):
    for age, name in enumerate(['epoch_9.pth', 'best_mAP_epoch_2.pth', 'best_mAP_epoch_8.pth']):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    assert best_checkpoint(tmp_path).name == 'best_mAP_epoch_2.pth'


def test_a_work_dir_without_a_best_checkpoint_is_described(tmp_path):
    with pytest.raises(InputError, match=r'no best_\*\.pth, only a folder without'):
        best_checkpoint(tmp_path)
    (tmp_path / 'epoch_1.pth').touch()
    with pytest.raises(InputError, match=r'no best_\*\.pth, only epoch_1\.pth'):
        best_checkpoint(tmp_path)
