import numpy as np
import pytest

from taco_plugin.errors import InputError
from taco_plugin.visualization import plot_class_counts

CLASSES = ['Can', 'Plastic bag + wrapper', 'Cup', 'Lid']
TRUE = np.array([3, 40, 0, 3])
PREDICTED = np.array([0, 30, 2, 5])


def widths(figure):
    return [[bar.get_width() for bar in bars] for bars in figure.axes[0].containers]


def test_bars_are_sorted_by_the_true_count():
    figure = plot_class_counts(TRUE, PREDICTED, CLASSES)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ['Plastic bag + wrapper', 'Lid', 'Can', 'Cup']
    assert widths(figure) == [[40, 3, 3, 0], [30, 5, 0, 2]]
    assert [bars.get_label() for bars in figure.axes[0].containers] == ['true', 'predicted']
    assert ' '.join(text.get_text() for text in figure.axes[0].texts) == '40 3 3 0 30 5 0 2'
    first, last = figure.axes[0].get_yticks()[[0, -1]]
    assert figure.axes[0].transData.transform([(0, first), (0, last)])[:, 1].argmax() == 0


@pytest.mark.parametrize(('most', 'scale'), [(200, 'linear'), (201, 'log')])
def test_a_range_beyond_a_hundred_is_logarithmic(most, scale):
    figure = plot_class_counts(np.array([most, 2]), np.array([0, 3]), CLASSES[:2])
    assert figure.axes[0].get_xscale() == scale
    assert ('logarithmic' in figure.axes[0].get_xlabel()) == (scale == 'log')


def test_classes_without_ground_truth_are_named():
    assert plot_class_counts(TRUE, PREDICTED, CLASSES).get_supxlabel() == 'No ground truth: Cup.'


def test_missing_sides_are_told(texts_of):
    nothing = np.zeros(4, dtype=int)
    note = plot_class_counts(TRUE, nothing, CLASSES).get_supxlabel()
    assert note == 'No detections.\nNo ground truth: Cup.'
    assert plot_class_counts(nothing, PREDICTED, CLASSES).get_supxlabel() == 'No ground truth.'
    empty = plot_class_counts(nothing, nothing, CLASSES)
    assert 'no ground truth and no detections' in texts_of(empty)


@pytest.mark.parametrize('count', [1, 60])
def test_labels_do_not_overlap(count, name_classes, check_layout):
    figure = plot_class_counts(np.arange(count) * 20 + 1, np.arange(count), name_classes(count))
    check_layout(figure)


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r'predicted must have the shape \(4,\), but has \(3,\)'):
        plot_class_counts(TRUE, PREDICTED[:3], CLASSES)
