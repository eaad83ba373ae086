import numpy as np
import pytest

from taco_plugin.visualization import samples
from taco_plugin.visualization.samples import Alike, Sample, mosaic_of_pairs, mosaic_of_samples
from taco_plugin.visualization.tiles import text_tile

BLANK = np.full((200, 200, 3), 255, np.uint8)
COLORS = [(255, 0, 0), (0, 0, 255)]


@pytest.fixture
def titles(monkeypatch):
    """What is written above and below pictures."""
    written = []

    def write(lines, *args):
        written.extend(lines)
        return text_tile(lines, *args)

    monkeypatch.setattr(samples, 'text_tile', write)
    return written


def sample(*boxes, source=BLANK, labels=None):
    boxes = np.array(boxes, dtype=float).reshape(-1, 4)
    return Sample(source, 'a.jpg', boxes, np.array(labels or [0] * len(boxes), dtype=int))


def test_frames_have_the_place_and_the_colour_of_their_class(titles):
    some = sample((60, 80, 140, 160), (10, 10, 50, 50), labels=[0, 1])
    picture = mosaic_of_samples([some], ['Can', 'Cup'], COLORS, side=200)[-200:]
    assert picture[120, 60].tolist() == picture[159, 100].tolist() == [255, 0, 0]
    assert picture[30, 10].tolist() == [0, 0, 255]
    assert titles == ['a.jpg: 2 boxes']


def test_tiles_are_about_as_many_in_a_row_as_there_are_rows(titles):
    picture = mosaic_of_samples([sample()] * 5, [], [], side=50)
    height = 50 + text_tile([], 9).height
    assert picture.shape == (2 * height + 8, 3 * 50 + 16, 3)
    assert titles == ['a.jpg: 0 boxes'] * 5


def test_of_many_boxes_the_largest_are_drawn(titles):
    boxes = [(0, 0, 1 + n % 3, 2) for n in range(100_000)] + [(40, 40, 160, 160)] * 50
    labels = [0] * 100_000 + [1] * 50
    picture = mosaic_of_samples([sample(*boxes, labels=labels)], ['a', 'b'], COLORS, side=200)
    assert titles[0].startswith('a.jpg: 100050 boxes, the largest 50 drawn')
    assert not (picture == (255, 0, 0)).all(axis=-1).any()


def test_a_file_that_cannot_be_read_is_a_tile_that_says_so(titles, tmp_path):
    (tmp_path / 'a.jpg').write_bytes(b'no image')
    picture = mosaic_of_samples([sample((0, 0, 5, 5), source=tmp_path / 'a.jpg')], ['a'], COLORS)
    assert titles == ['a.jpg: 1 box']
    assert picture[-5, 5].tolist() == [200, 200, 200]


def test_pairs_are_side_by_side_above_their_caption(titles):
    black = np.zeros((100, 100, 3), np.uint8)
    pair = Alike((black, BLANK), ('1.jpg', '2.jpg'), '3 of 64 bits differ')
    picture = mosaic_of_pairs([pair] * 4, '4 pairs', side=100)
    assert titles == [*['1.jpg', '2.jpg', '3 of 64 bits differ'] * 4, '4 pairs']
    assert picture.shape[1] == 3 * 202 + 2 * 14
    top = 2 * text_tile([], 9).height + 4
    assert (picture[top : top + 100, :100] == 0).all()
    assert (picture[top : top + 100, 102:202] == 255).all()
    assert (picture[top : top + 100, 216:316] == 0).all()
