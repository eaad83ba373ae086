import numpy as np

from taco_plugin.visualization.counts import plot_count_errors

# Two images with a can of which one is found, and one with 40 cups that 41 are found of.
TRUE = np.array([[1, 0], [1, 0], [0, 40]])
FOUND = np.array([[1, 0], [0, 0], [0, 41]])


def test_images_are_points_and_classes_are_bars():
    figure = plot_count_errors(TRUE, FOUND, ['Can $', 'Cup'])
    left, right = figure.axes
    assert left.collections[0].get_offsets().tolist() == [[1, 0], [1, 1], [40, 41]]
    assert left.get_xscale() == left.get_yscale() == 'symlog'
    assert [label.get_text() for label in right.get_yticklabels()] == ['Cup (40)', r'Can \$ (2)']
    np.testing.assert_allclose([bar.get_width() for bar in right.patches], [1 / 3, -1 / 3])
    np.testing.assert_allclose(right.lines[0].get_xdata(), [1 / 3, 1 / 3])
    assert '42 true boxes, 42 detected; per image MAE 0.67, bias +0.00.' in figure.get_supxlabel()


def test_points_of_many_images_are_larger_and_few_boxes_need_no_logarithm():
    points = plot_count_errors(TRUE[:, :1], TRUE[:, :1], ['Can']).axes[0]
    assert points.get_xscale() == 'linear'
    few, many = points.collections[0].get_sizes()
    assert many == 2 * few


def test_nothing_to_count_is_told(texts_of):
    figure = plot_count_errors(TRUE * 0, TRUE * 0, ['Can', 'Cup'])
    assert 'no ground truth and no detections' in texts_of(figure)
