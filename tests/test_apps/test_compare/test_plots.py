import numpy as np
import pytest

from taco_plugin.apps.compare.compared_curves import plot_compared_curves, plot_compared_training
from taco_plugin.apps.compare.compared_scores import (
    LATENCY,
    SIZE,
    plot_compared_classes,
    plot_scores_over,
)
from taco_plugin.apps.compare.run_styles import run_style, show_runs
from taco_plugin.evaluation.curves import MeanCurves
from taco_plugin.visualization.training import smooth


def curves(f1=0.5, precision=0.75):
    """Curves of constant precision and a peak of F1 at 0.4."""
    threshold = np.linspace(0, 1, 11)
    return MeanCurves(
        recall=tuple(np.linspace(0, 1, 101).tolist()),
        precision=(precision,) * 101,
        threshold=tuple(threshold.tolist()),
        f1=tuple((f1 - np.abs(threshold - 0.4)).tolist()),
        best_threshold=0.4,
        best_f1=f1,
    )


def log(losses, values):
    rows = [{'loss': loss, 'step': 10 * n, 'epoch': 1} for n, loss in enumerate(losses)]
    return rows + [{'coco/bbox_mAP': value, 'step': n} for n, value in enumerate(values)]


def drawn(axes):
    """Colour, dashes and data of each line, without large marks."""
    return [
        (line.get_color(), line.get_linestyle(), line.get_xydata().tolist())
        for line in axes.lines
        if len(line.get_xydata()) > 1
    ]


def colours(*numbers):
    return [run_style(number)['color'] for number in numbers]


def legend_of(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_twenty_four_runs_differ_without_their_markers_and_more_with_them():
    styles = [run_style(number) for number in range(264)]
    assert len({(style['color'], style['linestyle']) for style in styles[:24]}) == 24
    assert len({tuple(style.values()) for style in styles}) == 264


def test_long_names_keep_their_end_and_equal_ones_are_numbered():
    assert show_runs(['a\n b', 'x' * 20 + '_0123456789_seed_1']) == [
        'a b',
        'x' * 13 + '…_0123456789_seed_1',
    ]
    assert show_runs(['a', 'a', 'b']) == ['1: a', '2: a', '3: b']


def test_curves_lie_on_one_another_and_the_best_f1_is_marked():
    figure = plot_compared_curves({'a': curves(0.5), 'b': curves(0.75, 0.25)})
    left, right = figure.axes
    assert [color for color, *_ in drawn(left)] == colours(0, 1)
    assert drawn(left)[1][2][100] == [1, 0.25]
    assert drawn(right)[0][2] == np.transpose([curves().threshold, curves().f1]).tolist()
    marks = [line for line in right.lines if len(line.get_xydata()) == 1]
    assert [mark.get_xydata().tolist() for mark in marks] == [[[0.4, 0.5]], [[0.4, 0.75]]]
    assert [mark.get_color() for mark in marks] == colours(0, 1)
    first, _ = legend_of(figure)
    assert first.split() == ['a', 'AP50', '0.750', 'F1', '0.500', 'at', '0.40']


def test_runs_without_curves_are_named_and_the_others_keep_their_style(texts_of):
    figure = plot_compared_curves({'first': None, 'second': curves(), 'third': None})
    assert [color for color, *_ in drawn(figure.axes[0])] == colours(1)
    assert 'No ground truth, or not evaluated: first, third.' in texts_of(figure)
    assert 'no run has ground truth' in texts_of(plot_compared_curves({'a': None}))


def test_losses_are_smoothed_and_the_best_validation_is_marked(texts_of):
    noise = np.random.default_rng(0).uniform(1, 2, 400).tolist()
    figure = plot_compared_training({'a': log(noise, [0.1, 0.4, 0.3]), 'b': log([3, 2], [0.2])})
    left, right = figure.axes
    np.testing.assert_allclose(np.array(drawn(left)[0][2])[:, 1], smooth(np.array(noise)))
    assert drawn(left)[1] == (*colours(1), '-', [[0, 3], [10, 2]])
    assert drawn(right) == [(*colours(0), '-', [[0, 0.1], [1, 0.4], [2, 0.3]])]
    marks = [line.get_xydata().tolist() for line in right.lines if line.get_markersize() > 5]
    assert marks == [[[1, 0.4]], [[0, 0.2]]]
    assert legend_of(figure) == ['a', 'b']
    assert any('says nothing about quality' in text for text in texts_of(figure))


def test_undefined_validations_and_losses_are_left_out():
    figure = plot_compared_training({'a': log([1, np.nan, 2], [-1, np.nan, 0.5, 0.6])})
    left, right = (drawn(axes) for axes in figure.axes)
    assert left[0][2] == [[0, 1], [20, 2]]
    assert right[0][2] == [[2, 0.5], [3, 0.6]]


def test_runs_without_logs_or_metric_are_named(texts_of):
    figure = plot_compared_training({'a': [], 'b': log([2, 1], []), 'c': log([2, 1], [0.5])})
    (note,) = [text for text in texts_of(figure) if 'No log' in text]
    assert 'No log of a training: a.' in note
    assert 'No validation with coco/bbox_mAP: b.' in note
    assert legend_of(figure) == ['b', 'c']
    empty = plot_compared_training({'a': [], 'b': []})
    assert 'no run has a log of its training' in texts_of(empty)
    assert 'no validation logged' in texts_of(plot_compared_training({'a': log([2, 1], [])}))
    assert 'no training logged' in texts_of(plot_compared_training({'a': log([], [0.5])}))


def test_beside_a_training_by_iterations_epochs_become_iterations():
    by_iteration = log([2, 1], [0, 1])
    for row in by_iteration:
        row.pop('epoch', None)
    by_epoch = log([2, 1], [0, 1])
    _, alone = plot_compared_training({'a': by_epoch}).axes
    assert alone.get_xlabel() == 'Epoch'
    figure = plot_compared_training({'a': by_epoch, 'b': by_iteration})
    assert figure.axes[1].get_xlabel() == 'Iteration'
    assert [points for *_, points in drawn(figure.axes[1])] == [
        [[0, 0], [10, 1]],  # an epoch has ten iterations
        [[0, 0], [1, 1]],
    ]
    figure = plot_compared_training({'a': by_iteration})
    assert figure.axes[1].get_xlabel() == 'Iteration'
    figure = plot_compared_training({'a': log([], [0, 1]), 'b': by_iteration})
    assert len(drawn(figure.axes[1])) == 2


def test_classes_go_from_the_most_boxes_to_the_fewest():
    scores = {'first': [0.1, 0.2, 0.3], 'second': [0.4, 0.5, 0.6]}
    figure = plot_compared_classes(scores, ['$a$', 'b', 'c'], [5, 50, 5])
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ['b  (50)', r'\$a\$  (5)', 'c  (5)']
    assert [line.get_xdata().tolist() for line in axes.lines] == [[0.2, 0.1, 0.3], [0.5, 0.4, 0.6]]
    assert np.abs(axes.lines[0].get_ydata() - [0, 1, 2]).max() < 0.4
    assert [line.get_color() for line in axes.lines] == colours(0, 1)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert legend_of(figure) == ['first', 'second']


def test_classes_and_runs_without_scores_are_named(texts_of):
    scores = {'a': [0.1, None, None], 'b': [0.5, 0.5, None], 'c': [None] * 3}
    figure = plot_compared_classes(scores, ['Can', 'Cup', 'Lid'], [3, 2, 0])
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ['Can  (3)', 'Cup  (2)']
    (note,) = [text for text in texts_of(figure) if 'Not evaluated' in text]
    assert note.split('\n') == [
        'Not evaluated: c.',
        'No ground truth, left out: Lid.',
        'No ground truth in some of the runs, which have no mark there: Cup.',
    ]
    assert 'no ground truth' in texts_of(plot_compared_classes({'a': [None]}, ['Can'], [0]))


def points_of(figure):
    """The points of a figure of scores by size, in their order."""
    (axes,) = figure.axes
    return [line for line in axes.lines if line.get_linestyle() == 'None']


def test_points_lie_at_millions_and_scores_in_the_style_of_their_run():
    figure = plot_scores_over(SIZE, {'$a_b$': (5.03e6, 0.25), 'c': (41e6, 0.5)})
    first, second = points_of(figure)
    np.testing.assert_allclose(first.get_xydata(), [[5.03, 0.25]])
    np.testing.assert_allclose(second.get_xydata(), [[41, 0.5]])
    assert [line.get_color() for line in (first, second)] == colours(0, 1)
    assert {r'\$a_b\$', 'c'} <= {text.get_text() for text in figure.axes[0].texts}


@pytest.mark.parametrize(('ratio', 'scale'), [(9, 'linear'), (11, 'log')])
def test_parameters_more_than_tenfold_are_logarithmic(ratio, scale):
    figure = plot_scores_over(SIZE, {'a': (5e6, 0.25), 'b': (ratio * 5e6, 0.5)})
    assert figure.axes[0].get_xscale() == scale


def test_runs_that_are_no_points_are_named_and_others_keep_their_style(texts_of):
    runs = {'a': (None, 0.5), 'b': (6e6, None), 'c': (6e6, 0.5)}
    figure = plot_scores_over(SIZE, runs)
    assert [point.get_color() for point in points_of(figure)] == colours(2)
    assert 'No score: b.\nParameters not known: a.' in texts_of(figure)
    assert 'score not known of any run' in texts_of(plot_scores_over(SIZE, {'a': (5e6, None)}))
    message = 'latency not known of any run'
    assert message in texts_of(plot_scores_over(LATENCY, {'a': (None, 0.5)}))
