import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from taco_plugin.errors import InputError
from taco_plugin.visualization import save_figure, save_photo
from taco_plugin.visualization.figure import add_note, empty_figure, new_figure, show_name


def test_a_figure_is_written_at_its_size_and_nothing_else(tmp_path):
    path = tmp_path / 'new' / 'empty.png'
    save_figure(empty_figure('Title', 'no ground truth'), path)
    with Image.open(path) as image:
        assert image.size == (900, 600)
    assert list(path.parent.iterdir()) == [path]


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file(tmp_path):
    path = tmp_path / 'figure.png'
    path.write_bytes(b'old')
    figure = new_figure(4, 3, 'Title')
    figure.text(0.5, 0.5, '$\\broken$')
    with pytest.raises(ValueError, match='broken'):
        save_figure(figure, path)
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_only_png_is_written(tmp_path):
    with pytest.raises(InputError, match='figure.jpg: a figure is written as .png'):
        save_figure(empty_figure('Title', 'nothing'), tmp_path / 'figure.jpg')


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='file/figure.png: cannot be written'):
        save_figure(empty_figure('Title', 'nothing'), tmp_path / 'file' / 'figure.png')


def test_a_photo_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'new' / 'photo.jpg'
    save_photo(np.full((20, 30, 3), (200, 100, 50), np.uint8), path)
    with Image.open(path) as image:
        assert image.format == 'JPEG'
        assert image.size == (30, 20)
        assert np.abs(np.asarray(image)[10, 10] - np.array([200, 100, 50])).max() < 5
    with pytest.raises(InputError, match='new/photo.jpg/photo.jpg: cannot be written'):
        save_photo(np.zeros((2, 2, 3), np.uint8), path / 'photo.jpg')
    assert list(path.parent.iterdir()) == [path]


def test_a_class_name_is_no_formula_and_is_shortened():
    assert show_name('$x$ & y_z') == r'\$x\$ & y_z'
    assert show_name('a' * 33) == 'a' * 31 + '…'


def test_a_long_note_stays_within_the_figure(name_classes):
    figure = new_figure(6, 4, 'Title')
    axes = figure.subplots()
    add_note(figure, [f'No ground truth: {", ".join(map(str.upper, name_classes(40)))}.'])
    figure.draw_without_rendering()
    assert figure.get_supxlabel().count('\n') > 5
    (note,) = [text for text in figure.texts if text.get_text() == figure.get_supxlabel()]
    assert note.get_window_extent().x1 <= figure.bbox.x1
    assert note.get_window_extent().y1 <= axes.get_tightbbox().y0
    assert axes.get_window_extent().height > 3 * figure.dpi


def test_neither_pyplot_nor_torch_nor_mmdet_is_loaded():
    command = (
        'import sys; from taco_plugin.visualization import plot_training, read_scalars;'
        'assert not {"matplotlib.pyplot", "torch", "mmdet", "mmengine"} & set(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', command], check=True)
