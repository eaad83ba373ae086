import numpy as np
import pytest

from taco_plugin.evaluation.curves import ScoreCurves
from taco_plugin.visualization import plot_precision_recall, plot_score_curves

CLASSES = ['Can', 'Plastic bag + wrapper', 'Cup']
COLORS = [(230, 159, 0), (86, 180, 233), (0, 158, 115)]
RECALLS = np.linspace(0, 1, 101)


def make_curves(count=3, missing=()):
    """F1 of class k is highest, (k + 1) / (count + 1), at the threshold 0.4."""
    thresholds = np.linspace(0, 1, 11)
    scale = np.arange(1, count + 1)[:, None] / (count + 1)
    f1 = scale * (1 - np.abs(thresholds - 0.4))
    precision, recall = scale + 0 * thresholds, scale * (1 - thresholds)
    for values in (precision, recall, f1):
        values[list(missing)] = np.nan
    return ScoreCurves(thresholds, precision, recall, f1)


def lines_of(axes):
    return {line.get_label(): line for line in axes.lines}


def legend_of(figure):
    (legend,) = figure.legends
    return legend.get_title().get_text(), [text.get_text() for text in legend.get_texts()]


def test_each_panel_shows_its_curves_their_mean_and_its_best_threshold():
    curves, means = make_curves(), [0.5, 0.3, 0.5]
    figure = plot_score_curves(curves, CLASSES, COLORS)
    for axes, name, mean in zip(figure.axes, ['precision', 'recall', 'f1'], means, strict=True):
        lines = lines_of(axes)
        for row, label, color in zip(getattr(curves, name), CLASSES, COLORS, strict=True):
            np.testing.assert_array_equal(lines[label].get_ydata(), row)
            assert lines[label].get_color() == tuple(np.array(color) / 255)
        np.testing.assert_allclose(lines['mean'].get_ydata(), getattr(curves, name).mean(axis=0))
        assert axes.get_ylabel().lower() == name
        (mark,) = [line for line in axes.lines if line.get_marker() == 'o']
        np.testing.assert_allclose(mark.get_xydata(), [[0.4, mean]])
        assert axes.get_title().endswith(f'mean {mean:.2f} at 0.400')
    title, entries = legend_of(figure)
    assert title == 'Classes by best F1'
    assert 'best mean F1  0.50 at 0.400' in entries
    assert entries[2:] == ['Cup  0.75', 'Plastic bag + wrapper  0.50', 'Can  0.25']


def test_a_class_without_ground_truth_is_named_and_not_drawn():
    figure = plot_score_curves(make_curves(missing=[1]), CLASSES, COLORS)
    assert figure.get_supxlabel() == 'No ground truth: Plastic bag + wrapper.'
    assert set(CLASSES) & set(lines_of(figure.axes[0])) == {'Can', 'Cup'}
    assert len(legend_of(figure)[1]) == 4


def test_of_sixty_classes_all_are_drawn_and_the_extremes_named():
    classes = [f'Disposable food container {number}' for number in range(60)]
    figure = plot_score_curves(make_curves(60), classes, COLORS * 20)
    assert set(classes) <= set(lines_of(figure.axes[0]))
    title, entries = legend_of(figure)
    assert title == '4 best and 4 worst\nof 60 classes by best F1'
    assert entries[2].startswith(classes[59])
    assert entries[6] == '… 52 classes between …'
    assert entries[-1].startswith(classes[0])
    assert len(entries) == 11


@pytest.mark.parametrize(
    ('precision', 'f1', 'message'),
    [
        (np.nan, np.nan, 'no ground truth'),
        (1.0, 0.0, 'no detections'),
        (0.0, 0.0, 'no correct detections'),
    ],
)
def test_a_plot_says_why_there_is_nothing(precision, f1, message, texts_of):
    of_f1 = np.full((3, 5), f1)
    curves = ScoreCurves(np.linspace(0, 1, 5), np.full((3, 5), precision), of_f1, of_f1)
    assert message in texts_of(plot_score_curves(curves, CLASSES, COLORS))
    if precision != 1:
        figure = plot_precision_recall(np.full((3, 101), precision), CLASSES, COLORS)
        assert message in texts_of(figure)


def test_precision_is_drawn_over_recall_with_ap():
    precision = np.stack([1 - RECALLS, 0 * RECALLS + 0.25, np.full(101, np.nan)])
    figure = plot_precision_recall(precision, CLASSES, COLORS)
    lines = lines_of(figure.axes[0])
    np.testing.assert_array_equal(lines['Can'].get_xydata(), np.stack([RECALLS, 1 - RECALLS]).T)
    np.testing.assert_allclose(lines['mean'].get_ydata(), (1.25 - RECALLS) / 2)
    assert 'Cup' not in lines
    assert legend_of(figure)[1] == ['mean  0.38', 'Can  0.50', 'Plastic bag + wrapper  0.25']
    assert figure.get_supxlabel() == 'No ground truth: Cup.'
