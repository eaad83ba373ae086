import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.visualization import side_by_side as module
from taco_plugin.visualization.photo import read_photo
from taco_plugin.visualization.side_by_side import side_by_side
from taco_plugin.visualization.tiles import PADDING, text_tile

CLASSES = ['Can', 'Bottle']
COLORS = [(255, 0, 0), (0, 0, 255)]
BLANK = np.full((200, 200, 3), 255, np.uint8)
SIDE, GAP = 200, 8
TOP = text_tile([], 9).height + text_tile([], 9, 2).height
"""Of a tile's photograph, below the name and its title."""


def boxes(*rows):
    """Boxes of (image, label, xyxy, score, crowd); the last two may be missing."""
    if not rows:
        return Boxes.from_results([], {})
    return Boxes(*zip(*[(*row, *(1.0, False)[len(row) - 3 :]) for row in rows], strict=True))


NONE = boxes()
TRUTH = boxes((1, 0, (20, 40, 80, 100)), (1, 1, (110, 120, 180, 180)))


def draw(founds, truth=TRUTH, source=BLANK, **options):
    given = {
        'names': [f'run {number}' for number in range(len(founds))],
        'thresholds': [0.25] * len(founds),
        'classes': CLASSES,
        'colors': COLORS,
        'side': SIDE,
        **options,
    }
    return side_by_side(source, truth, founds, **given)


@pytest.fixture
def titles(monkeypatch):
    """The lines of the tiles' titles, in their order."""
    written = []

    def keep(lines, width, height=1, faint=None):
        written.append((*lines, *([faint] if faint else [])))
        return text_tile(lines, width, height, faint)

    monkeypatch.setattr(module, 'text_tile', keep)
    return written


def tile(picture, number):
    return picture[TOP : TOP + SIDE, number * (SIDE + GAP) :][:, :SIDE]


def test_truth_and_each_run_are_drawn_where_their_boxes_lie():
    picture = draw([boxes((1, 1, (20, 40, 80, 100), 0.5)), NONE])
    assert picture.dtype == np.uint8
    assert picture.shape == (TOP + SIDE, 3 * SIDE + 2 * GAP, 3)
    true, first, second = (tile(picture, number) for number in range(3))
    assert true[70, 20].tolist() == [255, 0, 0]
    assert true[150, 110].tolist() == [0, 0, 255]
    assert first[70, 20].tolist() == [0, 0, 255]
    assert first[150, 110].tolist() == [255, 255, 255]
    assert (second == 255).all()


def test_titles_count_right_missed_and_wrong_boxes(titles):
    some = boxes(
        (1, 0, (20, 40, 80, 100), 0.9),
        (1, 0, (20, 40, 80, 98), 0.8),
        (1, 0, (0, 0, 9, 9), 0.7),
    )
    confused = boxes((1, 0, (110, 120, 180, 180), 0.9))
    draw([some, confused, NONE], names=['a', 'b', 'c'], thresholds=[0.25, 0.5, 0.125])
    assert sorted(titles) == sorted([
        ('Ground truth', 'boxes: 2'),
        ('a', '1 right, 1 missed, 2 wrong  (score ≥ 0.25)'),
        ('b', '0 right, 1 missed, 1 wrong  (score ≥ 0.50)'),
        ('c', '0 right, 2 missed, 0 wrong  (score ≥ 0.12)'),
        ('image 0',),
    ])  # fmt: skip


def test_labels_of_wrong_detections_have_a_cross_confident_ones_on_top(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        module, 'draw_boxes', lambda _, scaled, texts, colors: drawn.append(texts) or 0
    )
    draw([boxes((1, 1, (0, 0, 9, 9), 0.6), (1, 0, (20, 40, 80, 100), 0.9))])
    assert drawn == [['Can', 'Bottle'], ['Can 0.90', '✗ Bottle 0.60']]


@pytest.mark.parametrize(
    ('runs', 'rows', 'columns'), [(1, 1, 2), (3, 1, 4), (4, 2, 3), (5, 2, 3), (7, 2, 4), (12, 4, 4)]
)
def test_rows_are_as_equally_long_as_can_be(runs, rows, columns):
    height, width, _ = draw([NONE] * runs).shape
    assert width == columns * SIDE + (columns - 1) * GAP
    name = text_tile([], 9).height
    assert height == name + rows * (TOP - name + SIDE) + (rows - 1) * GAP


def test_crowds_and_boxes_of_another_size_are_told(titles):
    crowd = boxes((1, 0, (20, 40, 80, 100), 1.0, True), (1, 0, (150, 0, 300, 20)))
    draw([NONE], truth=crowd)
    assert ('Ground truth', 'boxes: 1, crowds: 1, beyond the image: 1') in titles


def test_labels_without_room_are_counted(titles):
    draw([boxes(*[(1, 0, (5, 5, 50, 50), 0.9)] * 200)], truth=NONE, names=['run'])
    (remark,) = [title[2] for title in titles if title[0] == 'run']
    left_out = int(remark.removeprefix('labels without room: '))
    assert 100 < left_out < 200


def test_a_photograph_that_cannot_be_read_is_grey_and_counted_all_the_same(tmp_path, titles):
    picture = draw([TRUTH], source=tmp_path / 'gone.jpg', names=['run'])
    for number in range(2):
        assert tile(picture, number)[3, 3].tolist() == list(PADDING)
    assert ('Ground truth', 'boxes: 2') in titles
    assert ('run', '2 right, 0 missed, 0 wrong  (score ≥ 0.25)') in titles


def test_a_photograph_that_was_read_is_drawn_alike():
    photo = read_photo(0, BLANK, SIDE)
    np.testing.assert_array_equal(draw([TRUTH], source=photo), draw([TRUTH]))


def test_names_that_are_long_or_have_lines_stay_above_their_tile(titles):
    long = 'faster_rcnn_' * 9
    picture = draw([NONE] * 3, names=['two\nlines', f'{long}0', f'{long}1'])
    names = {title[0] for title in titles}
    ends = {f'faster_rcnn_f…rcnn_faster_rcnn_{number}' for number in range(2)}
    assert {'two lines'} | ends <= names
    assert picture.shape[0] == TOP + SIDE


@pytest.mark.parametrize(
    ('founds', 'options', 'message'),
    [
        ([], {}, 'founds must not be empty'),
        ([NONE], {'names': []}, 'names must be 1, one per run, but are 0'),
        ([NONE], {'thresholds': [0.5, 0.5]}, 'thresholds must be 1, one per run, but are 2'),
        ([NONE], {'colors': COLORS[:1]}, 'colors must be 2 or more, but are 1'),
        ([boxes((1, 2, (0, 0, 9, 9)))], {}, 'a box has the label 2 of 0..1'),
        ([boxes((2, 0, (0, 0, 9, 9)))], {}, r'boxes must be of one image, but are of \[1, 2\]'),
    ],
)
def test_what_cannot_be_drawn_is_refused(founds, options, message):
    with pytest.raises(InputError, match=message):
        draw(founds, **options)
