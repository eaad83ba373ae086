from itertools import combinations

import numpy as np
import pytest
from matplotlib.text import Annotation

from taco_plugin.errors import InputError
from taco_plugin.visualization.run_styles import run_style
from taco_plugin.visualization.score_by_size import place_names, plot_score_by_size


def points_of(figure):
    """The points of a figure, in their order."""
    (axes,) = figure.axes
    return [line for line in axes.lines if line.get_linestyle() == 'None']


def check_names(figure):
    """Names cover neither each other nor points, and are inside of the axes."""
    figure.draw_without_rendering()
    (axes,) = figure.axes
    names = [label.get_window_extent() for label in figure.findobj(Annotation)]
    for a, b in combinations(names, 2):
        assert not a.overlaps(b)
    inside = axes.get_window_extent()
    for name in names:
        assert inside.x0 <= name.x0 < name.x1 <= inside.x1
        assert inside.y0 <= name.y0 < name.y1 <= inside.y1
        for line in points_of(figure):
            ((x, y),) = axes.transData.transform(line.get_xydata())
            assert not name.expanded(1, 1).overlaps(name.from_extents(x - 8, y - 8, x + 8, y + 8))
    return names


def test_points_lie_at_millions_and_scores_in_the_style_of_their_run():
    figure = plot_score_by_size(['a', 'b'], [5.03e6, 41e6], [0.25, 0.5])
    first, second = points_of(figure)
    np.testing.assert_allclose(first.get_xydata(), [[5.03, 0.25]])
    np.testing.assert_allclose(second.get_xydata(), [[41, 0.5]])
    for number, line in enumerate((first, second)):
        assert line.get_color() == run_style(number)['color']
        assert line.get_marker() == run_style(number)['marker']


def test_each_name_is_at_its_point():
    figure = plot_score_by_size(['$a_b$', 'c'], [5e6, 40e6], [0.25, 0.5])
    labels = {label.get_text(): label for label in figure.findobj(Annotation)}
    assert set(labels) == {r'\$a_b\$', 'c'}
    assert tuple(labels['c'].xy) == (40, 0.5)
    figure.draw_without_rendering()
    x, y = figure.axes[0].transData.transform((40, 0.5))
    extent = labels['c'].get_window_extent()
    assert 0 < extent.x0 - x < 25
    assert extent.y0 < y < extent.y1


@pytest.mark.parametrize('ratio', [9, 11])
def test_parameters_more_than_tenfold_are_logarithmic(ratio, check_layout):
    figure = plot_score_by_size(['a', 'b'], [5e6, ratio * 5e6], [0.25, 0.5])
    assert figure.axes[0].get_xscale() == ('log' if ratio > 10 else 'linear')
    assert ('logarithmic' in figure.axes[0].get_xlabel()) == (ratio > 10)
    check_layout(figure)


@pytest.mark.parametrize('runs', [1, 2, 5, 12, 30])
@pytest.mark.parametrize('spread', [0, 0.001, 0.3])
def test_names_of_stacked_points_cover_nothing(runs, spread):
    names = [f'weighted_effective_number_of_seed_{number}' for number in range(runs)]
    scores = (0.4 + spread * np.random.default_rng(runs).random(runs)).tolist()
    names_drawn = check_names(plot_score_by_size(names, [5.03e6] * runs, scores))
    assert len(names_drawn) == runs


@pytest.mark.parametrize('seed', range(4))
def test_names_of_any_points_cover_nothing(seed):
    rng = np.random.default_rng(seed)
    names = ['W' * rng.integers(1, 60) + str(number) for number in range(12)]
    parameters = rng.choice([3e6, 5e6, 41e6, 60e6], 12).tolist()
    check_names(plot_score_by_size(names, parameters, rng.random(12).round(1).tolist()))


def test_a_name_far_from_its_point_has_a_line_to_it():
    figure = plot_score_by_size([f'run {n}' for n in range(12)], [5e6] * 12, [0.5] * 12)
    (axes,) = figure.axes
    lines = [line for line in axes.lines if line.get_linestyle() == '-']
    assert len(lines) >= 6
    ends = {label.get_text(): label.get_window_extent() for label in figure.findobj(Annotation)}
    for line in lines:
        start, end = axes.transData.transform(line.get_xydata())
        np.testing.assert_allclose(start, axes.transData.transform((5, 0.5)))
        assert any(extent.padded(3).contains(*end) for extent in ends.values())


def test_runs_that_are_not_drawn_are_named_and_keep_the_style_of_others(texts_of):
    figure = plot_score_by_size(
        list('abcde'), [5e6, 6e6, None, 7e6, 8e6], [0.5, None, 0.5, -1, float('nan')]
    )
    (point,) = points_of(figure)
    assert point.get_color() == run_style(0)['color']
    note = 'No score: b, d, e.\nNumber of parameters not known: c.'
    assert note in texts_of(figure)
    figure = plot_score_by_size(['a', 'b'], [None, 6e6], [0.5, 0.5])
    assert points_of(figure)[0].get_color() == run_style(1)['color']


def test_nothing_to_draw_is_told(texts_of):
    assert 'no run has a known score' in texts_of(plot_score_by_size(['a'], [5e6], [None]))
    message = 'no run has a known number of parameters'
    assert message in texts_of(plot_score_by_size(['a'], [None], [0.5]))


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match='there is no run to compare'):
        plot_score_by_size([], [], [])
    with pytest.raises(InputError, match='scores must be 2, one per run, but are 1'):
        plot_score_by_size(['a', 'b'], [5e6, 5e6], [0.5])


@pytest.mark.parametrize('seed', [0, 1, 13, 23, 35])
def test_a_line_does_not_cross_a_name_if_there_is_another_place(seed):
    points = np.random.default_rng(seed).integers(150, 250, (12, 2)).astype(float)
    size = np.array([70.0, 14.0])
    corners = place_names(points, np.tile(size, (12, 1)), np.array([0, 0, 400, 400]), 12)
    for n, (point, corner) in enumerate(zip(points, corners, strict=True)):
        along = np.linspace(point, np.clip(point, corner, corner + size), 60)
        for other in np.delete(corners, n, axis=0):
            assert not ((along > other) & (along < other + size)).all(axis=1).any()
