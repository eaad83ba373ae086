import numpy as np
import pytest

from taco_plugin.errors import InputError
from taco_plugin.visualization.size_maps import plot_box_sizes, plot_image_sizes

LONG = [f'annotations_unofficial{n}' for n in range(6)]


def cells(mesh):
    """Counts of a heat map by the rounded centres (x, y) of their cells."""
    edges = mesh.get_coordinates()[0, :, 0]
    centres = np.sqrt(edges[1:] * edges[:-1])
    counts = np.ma.filled(mesh.get_array(), 0).reshape(len(centres), -1)
    return {
        (float(f'{centres[x]:.2g}'), float(f'{centres[y]:.2g}')): counts[y, x]
        for y, x in zip(*counts.nonzero(), strict=True)
    }


def test_boxes_are_counted_where_their_width_and_height_are():
    native = np.array([[1000.0, 10], [1000, 10], [30, 300], [1e9, 1e-9]])
    figure = plot_box_sizes([native], [native / 1e4], ['train'])
    above, below = figure.axes[:2]
    (pixels,), (shares,) = above.collections, below.collections
    assert cells(pixels) == {(1100, 11): 2, (28, 280): 1, (8900, 1.1): 1}
    assert cells(shares) == {(0.097, 0.0011): 2, (0.0031, 0.029): 1, (0.92, 0.0011): 1}
    marks = [line for line in above.lines if line.get_marker() == '+']
    assert [mark.get_xydata().tolist() for mark in marks] == [[[1000, 10]]]
    bounds = [line.get_xydata() for line in above.lines if line.get_linestyle() == ':']
    assert [np.unique(bound.prod(axis=1)).tolist() for bound in bounds] == [[32**2], [96**2]]
    assert pixels.norm.vmax == shares.norm.vmax == 2


def test_discs_have_the_share_of_their_images():
    sizes = np.array([[400.0, 300]] * 3 + [[300, 400]])
    axes = plot_image_sizes([sizes], ['train']).axes[0]
    (discs,) = axes.collections
    assert discs.get_offsets().tolist() == [[400, 300], [300, 400]]
    large, small = discs.get_sizes()
    assert large == pytest.approx(3 * small)
    assert axes.get_title() == 'train\n4 images, 2 sizes'


def test_only_the_most_frequent_sizes_are_drawn():
    sizes = np.stack([np.arange(1, 700), np.arange(1, 700)], axis=1).astype(float)
    figure = plot_image_sizes([np.concatenate([sizes, sizes[600:]])], ['train'])
    drawn = figure.axes[0].collections[0].get_offsets()
    assert len(drawn) == 500
    assert {*range(601, 700)} <= {*drawn[:, 0].astype(int).tolist()}
    assert 'train: 199 sizes are not drawn.' in figure.get_supxlabel()


@pytest.mark.parametrize('files', [1, 3, 6])
def test_labels_do_not_overlap(files, check_layout):
    boxes = [np.random.default_rng(n).uniform(1, 3000, (50, 2)) for n in range(files)]
    check_layout(plot_box_sizes(boxes, [box / 3000 for box in boxes], LONG[:files]))
    check_layout(plot_image_sizes(boxes, LONG[:files]))


@pytest.mark.parametrize(
    'sizes', [[[416, 416]], [[1, 1], [2.0**53, 2.0**53]], [[3000, 4000], [4000, 3000]]]
)
def test_any_range_has_ticks_that_can_be_read(sizes, check_layout):
    figure = plot_image_sizes([np.array(sizes, dtype=float)], ['train'])
    check_layout(figure)
    low, high = figure.axes[0].get_xlim()
    assert 1 < len([tick for tick in figure.axes[0].get_xticks() if low <= tick <= high]) < 6


def test_nothing_to_draw_is_said_and_what_does_not_fit_is_refused(texts_of):
    none, some = np.empty((0, 2)), np.ones((1, 2))
    assert 'no boxes' in texts_of(plot_box_sizes([none], [none], ['a']))
    assert 'no boxes' in texts_of(plot_box_sizes([none, some], [none, some], ['a', 'b']))
    assert 'no images' in texts_of(plot_image_sizes([none], ['a']))
    with pytest.raises(InputError, match=r'relative must have the shape \(1, 2\)'):
        plot_box_sizes([some], [none], ['a'])
