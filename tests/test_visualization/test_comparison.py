import numpy as np
import pytest

from taco_plugin.errors import InputError
from taco_plugin.visualization.comparison import (
    plot_compared_classes,
    plot_compared_curves,
    plot_compared_training,
)
from taco_plugin.visualization.run_styles import run_style, shorten_names
from taco_plugin.visualization.training import smooth

NAMES = ['first', 'second', 'third']


def curves(f1=0.5, precision=0.75):
    """Curves of a run with one detector's constant precision and a peak of F1 at 0.4."""
    threshold = np.linspace(0, 1, 11)
    return {
        'recall': np.linspace(0, 1, 101).tolist(),
        'precision': [precision] * 101,
        'threshold': threshold.tolist(),
        'f1': (f1 - np.abs(threshold - 0.4)).tolist(),
        'best_threshold': 0.4,
        'best_f1': f1,
    }


def log(losses, values, **extra):
    rows = [{'loss': loss, 'step': 10 * n, 'epoch': 1} for n, loss in enumerate(losses)]
    return [
        *rows,
        *({'coco/bbox_mAP': value, 'step': n, **extra} for n, value in enumerate(values)),
    ]


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
    assert len({(style['color'], style['marker']) for style in styles[:12]}) == 12
    assert len({tuple(style.values()) for style in styles}) == 264


def test_long_names_keep_their_end_and_equal_ones_are_numbered():
    assert shorten_names(['a\n b', 'x' * 20 + '_0123456789_seed_1']) == [
        'a b',
        'x' * 13 + '…_0123456789_seed_1',
    ]
    assert shorten_names(['a', 'a', 'b']) == ['1: a', '2: a', '3: b']


def test_curves_lie_on_one_another_and_the_best_f1_is_marked():
    figure = plot_compared_curves(NAMES[:2], [curves(0.5), curves(0.75, 0.25)])
    left, right = figure.axes
    assert [color for color, *_ in drawn(left)] == colours(0, 1)
    assert drawn(left)[1][2][100] == [1, 0.25]
    assert drawn(right)[0][2] == np.transpose([curves()['threshold'], curves()['f1']]).tolist()
    marks = [line for line in right.lines if len(line.get_xydata()) == 1]
    assert [mark.get_xydata().tolist() for mark in marks] == [[[0.4, 0.5]], [[0.4, 0.75]]]
    assert [mark.get_color() for mark in marks] == colours(0, 1)


def test_the_legend_of_curves_has_their_figures():
    assert [
        ' '.join(text.split()) for text in legend_of(plot_compared_curves(['a'], [curves()]))
    ] == ['a AP50 0.750 F1 0.500 at 0.40']


def test_runs_without_curves_are_named_and_the_others_keep_their_style(texts_of):
    undefined = {**curves(), 'best_f1': float('nan')}
    figure = plot_compared_curves(NAMES, [None, curves(), undefined])
    assert [color for color, *_ in drawn(figure.axes[0])] == colours(1)
    assert 'No ground truth, or not evaluated: first, third.' in texts_of(figure)
    assert 'no run has ground truth' in texts_of(plot_compared_curves(['a'], [None]))


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'f1': [0.5]}, "threshold and f1 of 'a' must be equally many"),
        ({'recall': [], 'precision': []}, "recall and precision of 'a' must be equally many"),
        ({'best_f1': ...}, "the curves of 'a' have no best_f1"),
    ],
)
def test_broken_curves_are_refused(changed, message):
    broken = {key: value for key, value in {**curves(), **changed}.items() if value is not ...}
    with pytest.raises(InputError, match=message):
        plot_compared_curves(['a'], [broken])


def test_losses_are_smoothed_and_the_best_validation_is_marked():
    noise = np.random.default_rng(0).uniform(1, 2, 400).tolist()
    figure = plot_compared_training(NAMES[:2], [log(noise, [0.1, 0.4, 0.3]), log([3, 2], [0.2])])
    left, right = figure.axes
    np.testing.assert_allclose(np.array(drawn(left)[0][2])[:, 1], smooth(np.array(noise)))
    assert drawn(left)[1] == (*colours(1), '-', [[0, 3], [10, 2]])
    assert drawn(right) == [(*colours(0), '-', [[0, 0.1], [1, 0.4], [2, 0.3]])]
    marks = [line.get_xydata().tolist() for line in right.lines if line.get_markersize() > 5]
    assert marks == [[[1, 0.4]], [[0, 0.2]]]
    assert legend_of(figure) == NAMES[:2]


def test_a_figure_of_losses_says_that_they_do_not_rank(texts_of):
    def says(figure):
        return any('says nothing about quality' in text for text in texts_of(figure))

    assert says(plot_compared_training(NAMES[:2], [log([3, 2], [0.2])] * 2))
    assert not says(plot_compared_training(NAMES[:1], [log([3, 2], [0.2])]))


def test_undefined_validations_and_losses_are_left_out():
    figure = plot_compared_training(
        ['a'], [log([1, float('nan'), 2], [-1, float('nan'), 0.5, 0.6])]
    )
    left, right = (drawn(axes) for axes in figure.axes)
    assert left[0][2] == [[0, 1], [20, 2]]
    assert right[0][2] == [[2, 0.5], [3, 0.6]]


def test_runs_without_logs_or_metric_are_named(texts_of):
    figure = plot_compared_training(NAMES, [None, log([2, 1], []), log([2, 1], [0.5])])
    (note,) = [text for text in texts_of(figure) if 'No log' in text]
    assert 'No log of a training: first.' in note
    assert 'No validation with coco/bbox_mAP: second.' in note
    assert legend_of(figure) == ['second', 'third']
    empty = plot_compared_training(NAMES[:2], [None, []])
    assert 'no run has a log of its training' in texts_of(empty)
    assert 'no validation logged' in texts_of(plot_compared_training(['a'], [log([2, 1], [])]))
    assert 'no training logged' in texts_of(plot_compared_training(['a'], [log([], [0.5])]))


def test_epochs_and_iterations_do_not_share_an_axis(texts_of):
    by_iteration = [
        {key: value for key, value in row.items() if key != 'epoch'} for row in log([2, 1], [0, 1])
    ]
    figure = plot_compared_training(NAMES[:2], [log([2, 1], [0, 1]), by_iteration])
    assert [color for color, *_ in drawn(figure.axes[1])] == colours(0)
    assert figure.axes[1].get_xlabel() == 'Epoch'
    assert any('not on the right: second.' in text for text in texts_of(figure))
    figure = plot_compared_training(['a'], [by_iteration])
    assert figure.axes[1].get_xlabel() == 'Iteration'
    assert len(drawn(figure.axes[1])) == 1
    figure = plot_compared_training(NAMES[:2], [log([], [0, 1]), by_iteration])
    assert len(drawn(figure.axes[1])) == 2


def test_losses_of_a_wide_range_are_logarithmic():
    figure = plot_compared_training(NAMES[:2], [log([100, 90], [0]), log([1, 0.5], [0])])
    assert figure.axes[0].get_yscale() == 'log'
    assert plot_compared_training(['a'], [log([9, 1], [0])]).axes[0].get_yscale() == 'linear'


def test_classes_go_from_the_most_boxes_to_the_fewest():
    scores = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    figure = plot_compared_classes(NAMES[:2], ['$a$', 'b', 'c'], scores, np.array([5, 50, 5]))
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ['b  (50)', r'\$a\$  (5)', 'c  (5)']
    first, second = axes.lines
    assert first.get_xdata().tolist() == [0.2, 0.1, 0.3]
    assert second.get_xdata().tolist() == [0.5, 0.4, 0.6]
    assert np.abs(first.get_ydata() - [0, 1, 2]).max() < 0.4
    assert [line.get_color() for line in (first, second)] == colours(0, 1)
    assert [line.get_marker() for line in (first, second)] == ['o', 's']
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert legend_of(figure) == NAMES[:2]


def test_classes_and_runs_without_scores_are_named(texts_of):
    scores = np.array([[0.1, -1, -1], [0.5, 0.5, np.nan], [np.nan] * 3])
    figure = plot_compared_classes(NAMES, ['Can', 'Cup', 'Lid'], scores, np.array([3, 2, 0]))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        'Can  (3)',
        'Cup  (2)',
    ]
    (note,) = [text for text in texts_of(figure) if 'Not evaluated' in text]
    assert note.split('\n') == [
        'Not evaluated: third.',
        'No ground truth, left out: Lid.',
        'No ground truth in some of the runs, which have no mark there: Cup.',
    ]
    assert scores[0, 1] == -1
    nothing = plot_compared_classes(['a'], ['Can'], np.array([[-1.0]]), np.array([0]))
    assert 'no ground truth' in texts_of(nothing)


@pytest.mark.parametrize(('runs', 'count'), [(1, 1), (2, 7), (12, 1), (8, 60)])
def test_labels_do_not_overlap(runs, count, name_classes, check_layout):
    rng = np.random.default_rng(0)
    names = [f'a_long_$name$_of_a_run_of_detector_{number}' for number in range(runs)]
    scores = rng.random((runs, count))
    check_layout(plot_compared_classes(names, name_classes(count), scores, np.arange(count)))
    check_layout(plot_compared_curves(names, [curves()] * runs))
    check_layout(plot_compared_training(names, [log([2, 1], [0.1, 0.2])] * runs))


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match='there is no run to compare'):
        plot_compared_curves([], [])
    with pytest.raises(InputError, match='rows must be 2, one per run, but are 1'):
        plot_compared_training(NAMES[:2], [None])
    with pytest.raises(InputError, match='scores must be 1, one per run, but are 2'):
        plot_compared_classes(['a'], ['Can'], np.zeros((2, 1)), np.zeros(1))
    with pytest.raises(InputError, match=r'scores must have the shape \(1, 2\)'):
        plot_compared_classes(['a'], ['Can', 'Cup'], np.zeros((1, 1)), np.zeros(2))
    with pytest.raises(InputError, match=r'boxes must have the shape \(1,\)'):
        plot_compared_classes(['a'], ['Can'], np.zeros((1, 1)), np.zeros(2))
