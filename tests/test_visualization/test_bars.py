import numpy as np
import pytest

from taco_plugin.visualization.bars import (
    plot_class_counts,
    plot_class_distribution,
    plot_size_buckets,
)

CLASSES = ['Can', 'Plastic bag + wrapper', 'Cup', 'Lid']
TRUE = np.array([3, 40, 0, 3])
PREDICTED = np.array([0, 30, 2, 5])
BOXES = np.array([[3.0, 40, 0], [5, np.nan, 1]])
WEIGHTS = np.array([[0.2, 0.02, 0.78], [0.3, np.nan, 0.7]])
ROWS = {
    'train, native': {'small': 10, 'medium': 30, 'large': 60},
    'train, at 1333x800': {'small': 95, 'medium': 3, 'large': 2},
    'val, native': {'small': 0, 'medium': 0, 'large': 0},
}


def widths(axes):
    return [[bar.get_width() for bar in bars] for bars in axes.containers]


def rows_of(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_bars_are_sorted_by_the_true_count():
    (axes,) = plot_class_counts(TRUE, PREDICTED, CLASSES).axes
    assert rows_of(axes) == ['Plastic bag + wrapper', 'Lid', 'Can', 'Cup']
    assert widths(axes) == [[40, 3, 3, 0], [30, 5, 0, 2]]
    assert [bars.get_label() for bars in axes.containers] == ['true', 'predicted']
    assert ' '.join(text.get_text() for text in axes.texts) == '40 3 3 0 30 5 0 2'


@pytest.mark.parametrize(('most', 'scale'), [(200, 'linear'), (201, 'symlog')])
def test_a_range_beyond_a_hundred_is_logarithmic(most, scale):
    (axes,) = plot_class_counts(np.array([most, 2]), np.array([0, 3]), CLASSES[:2]).axes
    assert axes.get_xscale() == scale
    assert ('logarithmic' in axes.get_xlabel()) == (scale == 'symlog')


def test_missing_classes_and_sides_are_told(texts_of):
    nothing = np.zeros(4, dtype=int)
    assert plot_class_counts(TRUE, PREDICTED, CLASSES).get_supxlabel() == 'No ground truth: Cup.'
    note = plot_class_counts(TRUE, nothing, CLASSES).get_supxlabel()
    assert note == 'No detections.\nNo ground truth: Cup.'
    assert plot_class_counts(nothing, PREDICTED, CLASSES).get_supxlabel() == 'No ground truth.'
    empty = plot_class_counts(nothing, nothing, CLASSES)
    assert 'no ground truth and no detections' in texts_of(empty)


def test_bars_and_points_are_sorted_by_all_boxes_of_a_class():
    left, right = plot_class_distribution(BOXES, WEIGHTS, CLASSES[:3], ['train', 'val']).axes
    assert rows_of(left) == [CLASSES[1], 'Can', 'Cup']
    np.testing.assert_array_equal(widths(left), [[40, 3, 0], [np.nan, 5, 1]])
    assert [text.get_text() for text in left.texts] == ['40', '3', '0', '', '5', '1']
    points = [line.get_xdata().tolist() for line in right.lines[:2]]
    assert points[0] == [0.02, 0.2, 0.78]
    assert points[1][1:] == [0.3, 0.7]


def test_the_least_frequent_classes_are_left_out_and_counted():
    boxes = np.arange(100.0)[None]
    classes = [f'class {number}' for number in range(100)]
    figure = plot_class_distribution(boxes, boxes / 4950, classes, ['train'])
    assert rows_of(figure.axes[0]) == [f'class {number}' for number in range(99, 19, -1)]
    assert '20 less frequent classes are not drawn.' in figure.get_supxlabel()


def test_a_bar_is_parted_by_the_shares_of_its_sizes(texts_of):
    figure = plot_size_buckets(ROWS, 'a note')
    axes = figure.axes[0]
    parts = [[(bar.get_x(), bar.get_width()) for bar in bars] for bars in axes.containers]
    assert parts[0] == [(0, 0.1), (0, 0.95), (0, 0)]
    assert [round(x + width, 9) for x, width in parts[1]] == [0.4, 0.98, 0]
    assert [round(x + width, 9) for x, width in parts[2]] == [1, 1, 0]
    written = [text.get_text() for text in axes.texts if text.get_text()]
    assert written == ['10%', '95, 95%', '30, 30%', '60, 60%', 'no boxes']
    assert rows_of(axes) == list(ROWS)
    assert 'a note' in texts_of(figure)
