import numpy as np
import pytest

from taco_plugin.errors import InputError
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
    for figures in (precision, recall, f1):
        figures[list(missing)] = np.nan
    return ScoreCurves(thresholds, precision, recall, f1)


def lines_of(axes):
    return {line.get_label(): line for line in axes.lines}


def legend_of(figure):
    (legend,) = figure.legends
    return legend.get_title().get_text(), [text.get_text() for text in legend.get_texts()]


def test_each_panel_shows_its_curves_and_their_mean():
    curves = make_curves()
    figure = plot_score_curves(curves, CLASSES, COLORS)
    for axes, name in zip(figure.axes, ['precision', 'recall', 'f1'], strict=True):
        lines = lines_of(axes)
        for label, class_name in enumerate(CLASSES):
            np.testing.assert_array_equal(
                lines[class_name].get_ydata(), getattr(curves, name)[label]
            )
            assert lines[class_name].get_color() == tuple(np.array(COLORS[label]) / 255)
        mean = getattr(curves, f'mean_{name}')
        np.testing.assert_array_equal(lines['mean'].get_ydata(), mean)
        assert lines['mean'].get_linewidth() > lines['Can'].get_linewidth()
        assert axes.get_ylabel().lower() == name
        assert axes.get_xlabel() == 'Confidence threshold'


def test_the_threshold_of_the_best_mean_f1_is_marked_and_written():
    figure = plot_score_curves(make_curves(), CLASSES, COLORS)
    for axes, mean in zip(figure.axes, [0.5, 0.3, 0.5], strict=True):
        (mark,) = [line for line in axes.lines if line.get_marker() == 'o']
        np.testing.assert_allclose(mark.get_xydata(), [[0.4, mean]])
        assert axes.get_title().endswith(f'mean {mean:.2f} at 0.400')
    assert 'best mean F1  0.50 at 0.400' in legend_of(figure)[1]


def test_thresholds_in_another_order_draw_the_same():
    curves = make_curves()
    columns = np.random.default_rng(0).permutation(11)
    mixed = ScoreCurves(
        curves.thresholds[columns],
        *(figures[:, columns] for figures in (curves.precision, curves.recall, curves.f1)),
    )
    drawn = plot_score_curves(mixed, CLASSES, COLORS).axes[2]
    assert drawn.get_title() == 'F1: mean 0.50 at 0.400'
    np.testing.assert_array_equal(lines_of(drawn)['Cup'].get_ydata(), curves.f1[2])
    np.testing.assert_array_equal(lines_of(drawn)['mean'].get_ydata(), curves.mean_f1)


def test_classes_are_ranked_in_the_legend():
    title, entries = legend_of(plot_score_curves(make_curves(), CLASSES, COLORS))
    assert title == 'Classes by best F1'
    assert entries[2:] == ['Cup  0.75', 'Plastic bag + wrapper  0.50', 'Can  0.25']


def test_a_class_without_ground_truth_is_named_and_not_drawn():
    figure = plot_score_curves(make_curves(missing=[1]), CLASSES, COLORS)
    assert figure.get_supxlabel() == 'No ground truth: Plastic bag + wrapper.'
    assert set(CLASSES) & set(lines_of(figure.axes[0])) == {'Can', 'Cup'}
    assert len(legend_of(figure)[1]) == 4


def test_of_sixty_classes_all_are_drawn_and_the_extremes_named(name_classes, check_layout):
    classes = name_classes(60)
    figure = plot_score_curves(make_curves(60), classes, COLORS * 20)
    assert set(classes) <= set(lines_of(figure.axes[0]))
    title, entries = legend_of(figure)
    assert title == '4 best and 4 worst\nof 60 classes by best F1'
    assert entries[2].startswith(classes[59])
    assert entries[6] == '… 52 classes between …'
    assert entries[-1].startswith(classes[0])
    assert len(entries) == 11
    check_layout(figure)
    legend, last = figure.legends[0].get_window_extent(), figure.axes[2].get_window_extent()
    assert last.x1 < legend.x0
    assert legend.x1 <= figure.bbox.x1


@pytest.mark.parametrize(
    ('precision', 'f1', 'message'),
    [
        (np.nan, np.nan, 'no ground truth'),
        (1.0, 0.0, 'no detections'),
        (0.0, 0.0, 'no correct detections'),
    ],
)
def test_score_curves_say_why_there_is_nothing(precision, f1, message, texts_of):
    of_f1 = np.full((3, 5), f1)
    curves = ScoreCurves(np.linspace(0, 1, 5), np.full((3, 5), precision), of_f1, of_f1)
    figure = plot_score_curves(curves, CLASSES, COLORS)
    assert message in texts_of(figure)
    assert not figure.axes


def test_precision_is_drawn_over_recall_with_ap():
    precision = np.stack([1 - RECALLS, 0 * RECALLS + 0.25, np.full(101, np.nan)])
    figure = plot_precision_recall(precision, CLASSES, COLORS)
    lines = lines_of(figure.axes[0])
    np.testing.assert_array_equal(lines['Can'].get_xydata(), np.stack([RECALLS, 1 - RECALLS]).T)
    np.testing.assert_allclose(lines['mean'].get_ydata(), (1.25 - RECALLS) / 2)
    assert 'Cup' not in lines
    assert legend_of(figure)[1] == ['mean  0.38', 'Can  0.50', 'Plastic bag + wrapper  0.25']
    assert figure.get_supxlabel() == 'No ground truth: Cup.'


@pytest.mark.parametrize(
    ('value', 'message'), [(np.nan, 'no ground truth'), (0.0, 'no correct detections')]
)
def test_precision_recall_says_why_there_is_nothing(value, message, texts_of):
    figure = plot_precision_recall(np.full((3, 101), value), CLASSES, COLORS)
    assert message in texts_of(figure)


def test_the_line_of_a_single_class_is_seen_above_its_mean():
    figure = plot_precision_recall(np.full((1, 101), 0.5), ['Litter'], COLORS[:1])
    lines = lines_of(figure.axes[0])
    assert lines['Litter'].get_zorder() > lines['mean'].get_zorder()


def test_classes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r'precision must have the shape \(3, 101\)'):
        plot_precision_recall(np.ones((2, 101)), CLASSES, COLORS)
    with pytest.raises(InputError, match='there must be 3 colors, but there are 2'):
        plot_precision_recall(np.ones((3, 101)), CLASSES, COLORS[:2])
    with pytest.raises(InputError, match=r'f1 must have the shape \(3, 11\)'):
        plot_score_curves(make_curves(2), CLASSES, COLORS)
