import numpy as np
import pytest

from taco_plugin.visualization.histograms import plot_aspect_ratios, plot_boxes_per_image

LONG = [f'annotations_unofficial{n}' for n in range(6)]


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


def test_any_number_of_boxes_has_a_bar():
    counts = np.array([10, 11, 20, 21, 50, 51, 100, 101, 1000, 1001, 1_000_000])
    axes = plot_boxes_per_image([counts], ['a']).axes[0]
    images = [round(bar.get_height() * 11) for bar in axes.containers[0]]
    assert images[10:] == [1, 2, 2, 2, 2, 2]
    assert [text.get_text() for text in axes.texts][10:] == ['1', '2', '2', '2', '2', '2']
    assert axes.get_xticklabels()[-1].get_text() == '≥1001'


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


@pytest.mark.parametrize('files', [1, 6])
def test_labels_do_not_overlap(files, check_layout):
    counts = [np.array([0, 5, 5000])] * files
    check_layout(plot_boxes_per_image(counts, LONG[:files]))
    check_layout(plot_aspect_ratios([np.array([-900.0, 0, 0.3, 900])] * files, LONG[:files]))


def test_nothing_to_draw_is_said(texts_of):
    assert 'no images' in texts_of(plot_boxes_per_image([np.array([], int)], ['a']))
    assert 'no boxes' in texts_of(plot_aspect_ratios([np.array([])], ['a']))
