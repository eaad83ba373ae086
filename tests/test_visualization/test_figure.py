import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from taco_plugin.errors import InputError
from taco_plugin.visualization import save_figure, save_photo
from taco_plugin.visualization.figure import empty_figure, show_name


def test_figures_are_written_as_png_and_photographs_as_jpeg(tmp_path):
    save_figure(empty_figure('Title', 'no ground truth'), tmp_path / 'a' / 'figure.png')
    save_photo(np.full((20, 30, 3), (200, 100, 50), np.uint8), tmp_path / 'a' / 'photo.jpg')
    with Image.open(tmp_path / 'a' / 'figure.png') as image:
        assert image.size == (900, 600)
    with Image.open(tmp_path / 'a' / 'photo.jpg') as image:
        assert (image.format, image.size) == ('JPEG', (30, 20))
        assert np.abs(np.asarray(image)[10, 10] - np.array([200, 100, 50])).max() < 5
    with pytest.raises(InputError, match='photo.jpg/b.png: cannot be written'):
        save_figure(empty_figure('Title', 'nothing'), tmp_path / 'a' / 'photo.jpg' / 'b.png')


def test_a_class_name_is_no_formula_and_is_shortened():
    assert show_name('$x$ & y_z') == r'\$x\$ & y_z'
    assert show_name('a' * 33) == 'a' * 31 + '…'


def test_neither_pyplot_nor_torch_nor_mmdet_is_loaded():
    command = (
        'import sys; from taco_plugin.visualization import plot_training, read_scalars;'
        'assert not {"matplotlib.pyplot", "torch", "mmdet", "mmengine"} & set(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', command], check=True)
