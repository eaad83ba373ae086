import numpy as np
import pytest

from taco_plugin.errors import InputError
from taco_plugin.visualization.class_distribution import plot_class_distribution

CLASSES = ['Can', 'Cup', 'Lid']
BOXES = np.array([[3.0, 40, 0], [5, np.nan, 1]])
WEIGHTS = np.array([[0.2, 0.02, 0.78], [0.3, np.nan, 0.7]])


def test_bars_and_points_are_sorted_by_all_boxes_of_a_class():
    figure = plot_class_distribution(BOXES, WEIGHTS, CLASSES, ['train', 'val'])
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ['Cup', 'Can', 'Lid']
    widths = [[bar.get_width() for bar in bars] for bars in left.containers]
    assert widths == [[40, 3, 0], [5, 1]]
    assert [text.get_text() for text in left.texts] == ['40', '3', '0', '5', '1']
    points = [line.get_xdata().tolist() for line in right.lines[:2]]
    assert points[0] == [0.02, 0.2, 0.78]
    assert points[1][1:] == [0.3, 0.7]
    low, high = right.get_xlim()
    assert low < 0.02
    assert high > 0.78
    for bars, line in zip(left.containers, right.lines, strict=False):
        ys = [bar.get_y() + bar.get_height() / 2 for bar in bars]
        assert np.isin(np.round(ys, 6), np.round(line.get_ydata(), 6)).all()


def test_the_least_frequent_classes_are_left_out_and_counted():
    boxes = np.arange(100.0)[None]
    classes = [f'class {number}' for number in range(100)]
    figure = plot_class_distribution(boxes, boxes / 4950, classes, ['train'])
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [f'class {number}' for number in range(99, 19, -1)]
    assert '20 less frequent classes are not drawn.' in figure.get_supxlabel()


@pytest.mark.parametrize(('classes', 'files'), [(1, 1), (60, 1), (7, 6), (60, 3)])
def test_labels_do_not_overlap(classes, files, name_classes, check_layout):
    boxes = np.arange(classes * files).reshape(files, classes) * 20.0 + 1
    weights = 1 / boxes
    labels = [f'annotations_unofficial{n}' for n in range(files)]
    check_layout(plot_class_distribution(boxes, weights, name_classes(classes), labels))


def test_nothing_to_draw_is_said_and_what_does_not_fit_is_refused(texts_of):
    nothing = plot_class_distribution(np.zeros((1, 3)), np.zeros((1, 3)), CLASSES, ['a'])
    assert 'no boxes' in texts_of(nothing)
    with pytest.raises(InputError, match=r'weights must have the shape \(2, 3\)'):
        plot_class_distribution(BOXES, WEIGHTS[:1], CLASSES, ['a', 'b'])
    with pytest.raises(InputError, match='labels must be 1 to 6, but are 7'):
        plot_class_distribution(np.zeros((7, 3)), np.zeros((7, 3)), CLASSES, list('abcdefg'))
