from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taco_plugin.apps.compare import side_by_side as module
from taco_plugin.apps.compare.side_by_side import side_by_side
from taco_plugin.taxonomies.palette import palette
from taco_plugin.visualization.photo import draw_tile

FIRST, SECOND = palette(2)
SIZE = (220, 220)
SIDE, GAP = 440, 8
CAN, BOTTLE = (1, 0, (20, 40, 80, 100)), (1, 1, (110, 120, 180, 180))


@pytest.fixture
def draw(tmp_path, boxes):
    """Draws runs that detected the boxes given."""

    def draw(*of_runs, truth=(CAN, BOTTLE), path=None, scale=1.0):
        size = [round(scale * side) for side in SIZE]
        Image.new('RGB', size, 'white').save(tmp_path / 'photo.png')
        runs = {f'run {number}': (boxes(*some), 0.25) for number, some in enumerate(of_runs)}
        path = path or tmp_path / 'photo.png'
        return side_by_side(path, SIZE, boxes(*truth), runs=runs, classes=['Can', 'Bottle'])

    return draw


@pytest.fixture
def panels(monkeypatch):
    """What is drawn on each tile."""
    drawn = []

    def keep(panel, side):
        drawn.append(panel)
        return draw_tile(panel, side)

    monkeypatch.setattr(module, 'draw_tile', keep)
    return drawn


def has(picture, number, xy, color):
    """Whether a tile has a colour at a pixel of the original photograph, or next to it."""
    x, y = (round(2 * place) for place in xy)
    tile = picture[-SIDE:, number * (SIDE + GAP) :][:, :SIDE]
    return (tile[y - 4 : y + 4, x - 4 : x + 4] == color).all(axis=-1).any()


@pytest.mark.parametrize('scale', [1, 0.25])
def test_boxes_lie_where_they_are_in_the_original_whatever_the_size_of_the_copy(draw, scale):
    picture = draw([(1, 1, CAN[2], 0.5)], [], scale=scale)
    assert has(picture, 0, (20, 80), FIRST)
    assert has(picture, 0, (110, 160), SECOND)
    assert has(picture, 1, (20, 80), SECOND)
    for number, place in ((1, (110, 160)), (2, (20, 80)), (2, (216, 216))):
        assert has(picture, number, place, (255, 255, 255))
        assert not has(picture, number, place, SECOND)


def test_titles_count_boxes_and_labels_of_wrong_detections_have_a_cross(draw, panels):
    can = (*CAN, 0.9)
    draw([can, (1, 0, (20, 40, 80, 98), 0.8), (1, 0, (0, 0, 9, 9), 0.7)], [])
    draw([(1, 1, (100, 0, 120, 9), 0.6), can], truth=[CAN, (1, 0, (0, 0, 9, 9), 1.0, True)])
    assert [panel.title for panel in panels] == [
        'Ground truth\nboxes: 2',
        'run 0\n1 right, 1 missed, 2 wrong  (score ≥ 0.25)',
        'run 1\n0 right, 2 missed, 0 wrong  (score ≥ 0.25)',
        'Ground truth\nboxes: 1, crowds: 1',
        'run 0\n1 right, 0 missed, 1 wrong  (score ≥ 0.25)',
    ]
    labels = [[frame.label for frame in panel.frames] for panel in panels]
    assert (labels[0], labels[4]) == (['Can', 'Bottle'], ['Can 0.90', '✗ Bottle 0.60'])


def test_a_photograph_that_cannot_be_read_is_grey_and_counted_all_the_same(draw, panels):
    picture = draw([CAN, BOTTLE], path=Path('gone.jpg'))
    assert panels[1].title.endswith('2 right, 0 missed, 0 wrong  (score ≥ 0.25)')
    assert np.ptp(picture[-3, 3]) == 0
    assert 190 < picture[-3, 3, 0] < 210
