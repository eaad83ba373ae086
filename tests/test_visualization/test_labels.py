import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.visualization import tiles
from taco_plugin.visualization.labels import place_labels
from taco_plugin.visualization.tiles import contrast

COLORS = [(255, 0, 0), (0, 0, 255)]
NONE = Boxes.from_results([], {})


def test_label_lies_at_its_own_box(boxes, halves, has, extent):
    left, _ = halves(boxes((1, 0, (20, 60, 60, 90)), (1, 1, (120, 140, 180, 180))), NONE)
    np.testing.assert_allclose(extent(has(left, COLORS[0])), (19, 46, 61, 91), atol=3)
    np.testing.assert_allclose(extent(has(left, COLORS[1])), (119, 126, 181, 181), atol=3)


@pytest.mark.parametrize('corner', [(0, 0), (0, 160), (160, 0), (160, 160)])
def test_label_of_a_box_in_the_corner_stays_in_the_tile(corner, boxes, halves, has):
    x, y = corner
    middle = boxes((1, 1, (80, 80, 120, 120), 0.5))
    corner = boxes((1, 1, (x, y, x + 40, y + 40), 0.5))
    area = [has(halves(NONE, found)[1], COLORS[1]).sum() for found in (middle, corner)]
    frame = 4 * 40 * 2
    assert area[0] > 2 * frame  # most is the label
    assert area[1] >= area[0] - frame / 2  # but for the sides of the frame that are cut


@pytest.mark.parametrize('seed', range(8))
def test_labels_are_in_the_tile_and_apart(seed):
    rng = np.random.default_rng(seed)
    corner = rng.integers(-5, 190, (40, 2))
    outlines = [tuple(row) for row in np.hstack([corner, corner + rng.integers(1, 90, (40, 2))])]
    sizes = [(int(width), 12) for width in rng.integers(20, 80, 40)]
    taken = np.zeros((200, 200), int)
    places = place_labels(outlines, sizes, 200)
    for place, (width, height) in zip(places, sizes, strict=True):
        if place:
            x, y = place
            assert min(x, y) >= 0
            assert x + width <= 200
            assert y + height <= 200
            taken[y : y + height, x : x + width] += 1
    assert taken.max() == 1
    assert sum(place is not None for place in places) > 30


def test_label_for_which_there_is_no_room_is_left_out_and_counted(monkeypatch, boxes, halves):
    assert place_labels([(0, 0, 9, 9)] * 3, [(20, 9), (20, 9), (21, 9)], 20) == [
        (0, 9),
        None,
        None,
    ]
    titles = []
    monkeypatch.setattr(tiles, 'fit', lambda text, face, width: titles.append(text) or text)
    halves(boxes(*[(1, 0, (5, 5, 50, 50))] * 200), NONE)
    left_out = [int(title.split()[-4]) for title in titles if title.endswith(' without a label')]
    assert len(left_out) == 1
    assert 100 < left_out[0] < 150


def test_label_avoids_other_boxes():
    above = (10, 40, 90, 60)
    (place,) = place_labels([(10, 60, 90, 80), above], [(60, 12), (60, 12)], 200)[:1]
    assert place == (10, 80)


def test_text_contrasts_with_its_label():
    assert [contrast(color) for color in [(240, 228, 66), (0, 0, 160)]] == [
        (0, 0, 0),
        (255, 255, 255),
    ]
