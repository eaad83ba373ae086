import numpy as np
import pytest

from taco_plugin.apps.explore.distributions import (
    plot_aspect_ratios,
    plot_box_sizes,
    plot_boxes_per_image,
    plot_image_sizes,
)


def test_shares_of_images_by_their_boxes():
    counts = [np.array([0, 1, 1, 12]), np.array([3, 60])]
    axes = plot_boxes_per_image(counts, ['train', 'val']).axes[0]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == [*map(str, range(11)), '11–20', '21–50', '51–100']
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert heights[0] == [0.25, 0.5, *[0] * 9, 0.25, 0, 0]
    assert heights[1] == [0, 0, 0, 0.5, *[0] * 9, 0.5]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ['train: mean 3.5, median 1, most 12', 'val: mean 31.5, median 32, most 60']


def test_aspect_ratios_are_binned_on_a_logarithmic_scale():
    logarithms = np.log2([1, 1.05, 2, 1 / 4, 100, 1000, 1 / 17])
    figure = plot_aspect_ratios([logarithms, np.array([])], ['train', 'val'])
    axes = figure.axes[0]
    (stairs,) = axes.patches
    shares, edges, _ = stairs.get_data()
    centres = (edges[1:] + edges[:-1]) / 2
    drawn = {round(c, 3): round(7 * s) for c, s in zip(centres, shares, strict=True) if s}
    assert drawn == {-4: 1, -2: 1, 0: 2, 1: 1, 4: 2}
    names = dict(zip(axes.get_xticks(), axes.get_xticklabels(), strict=True))
    shown = [names[place].get_text() for place in (-4, -1, 0, 2, 4)]
    assert shown == ['≤1:16', '1:2', '1:1', '4:1', '≥16:1']
    assert 'train: median 1.05' in axes.get_legend().get_texts()[0].get_text()
    assert figure.get_supxlabel() == 'No boxes: val.'


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
    none = np.empty((0, 2))
    figure = plot_box_sizes([native, none], [native / 1e4, none], ['train', 'val'])
    above, empty, below, _ = figure.axes[:4]
    assert [text.get_text() for text in empty.texts] == ['no boxes']
    (pixels,), (shares,) = above.collections, below.collections
    assert cells(pixels) == {(1100, 11): 2, (28, 280): 1, (8900, 1.1): 1}
    assert cells(shares) == {(9.7, 0.11): 2, (0.31, 2.9): 1, (92, 0.11): 1}  # per cent
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
