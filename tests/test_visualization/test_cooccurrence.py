import numpy as np
import pytest

from taco_plugin.errors import InputError
from taco_plugin.visualization.cooccurrence import plot_cooccurrence

IMAGES = np.array([[4, 30, 0], [30, 0, 2], [0, 2, 1]])


def test_each_pair_of_classes_is_drawn_once():
    figure = plot_cooccurrence(IMAGES, ['Can', 'Cup', 'Lid'], 'train')
    axes = figure.axes[0]
    shown = np.ma.filled(axes.images[0].get_array(), 0)
    assert shown.tolist() == [[4, 0, 0], [30, 0, 0], [0, 2, 1]]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): '4', (0, 1): '30', (1, 2): '2', (2, 2): '1'}
    assert figure.get_suptitle() == 'Classes seen together: train'


@pytest.mark.parametrize('count', [1, 7, 20, 60])
def test_labels_do_not_overlap(count, name_classes, check_layout):
    figure = plot_cooccurrence(np.full((count, count), 3), name_classes(count), 'train')
    check_layout(figure)
    assert len(figure.axes[0].texts) == (count * (count + 1) // 2 if count <= 20 else 0)


def test_nothing_to_draw_is_said_and_what_does_not_fit_is_refused(texts_of):
    assert 'no image has two boxes' in texts_of(plot_cooccurrence(0 * IMAGES, ['a'] * 3, 'b'))
    with pytest.raises(InputError, match=r'images must have the shape \(2, 2\)'):
        plot_cooccurrence(IMAGES, ['a', 'b'], 'c')
