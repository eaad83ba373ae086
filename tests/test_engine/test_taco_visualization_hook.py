"""Pictures of a test: where they are written."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmdet.structures import DetDataSample
from mmengine.visualization import Visualizer

from taco_plugin.engine import TacoVisualizationHook

NAMES = ['site_0/img/0.jpg', 'site_1/img/0.jpg', '0.jpg']


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """Lets the hook draw photographs of data sets in these folders; returns what it wrote."""

    def run(paths, *folders):
        datasets = [SimpleNamespace(data_prefix={'img': str(folder)}) for folder in folders]
        written = []

        def add_datasample(*args, out_file, **kwargs):
            written.append(out_file)

        visualizer = SimpleNamespace(add_datasample=add_datasample)
        monkeypatch.setattr(Visualizer, 'get_current_instance', lambda: visualizer)
        hook = TacoVisualizationHook(draw=True, test_out_dir='pictures')
        joined = SimpleNamespace(datasets=datasets) if len(datasets) > 1 else datasets[0]
        runner = SimpleNamespace(work_dir=str(tmp_path / 'run'), timestamp='now')
        runner.test_dataloader = SimpleNamespace(dataset=joined)
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
            hook.after_test_iter(runner, 0, {}, [DetDataSample(metainfo={'img_path': str(path)})])
        root = str(tmp_path / 'run' / 'now' / 'pictures')
        assert all(name.startswith(f'{root}/') and '..' not in name for name in written)
        return [name.removeprefix(f'{root}/') for name in written]

    return run


def test_the_folders_of_the_photographs_are_kept(draw, tmp_path):
    photographs = [tmp_path / 'taco' / name for name in NAMES]
    assert draw(photographs, tmp_path / 'taco') == NAMES


def test_photographs_of_several_data_sets_are_kept_apart(draw, tmp_path):
    photographs = [tmp_path / folder / '0.jpg' for folder in ('a', 'b')]
    assert draw(photographs, tmp_path / 'a', tmp_path / 'b') == ['a/0.jpg', 'b/0.jpg']


def test_a_photograph_from_elsewhere_stays_below_the_folder_of_pictures(draw, tmp_path):
    elsewhere = tmp_path / 'elsewhere' / '0.jpg'
    (picture,) = draw([elsewhere], tmp_path / 'taco')
    assert f'/{picture}' == str(elsewhere)
