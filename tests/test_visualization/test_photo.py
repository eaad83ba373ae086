import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from taco_plugin.visualization.photo import (
    Frame,
    Panel,
    Photo,
    draw_panel,
    read_photo,
)

BLANK = Photo(np.full((200, 200, 3), 255, np.uint8), (200, 200), 'a')
RED, BLUE = (255, 0, 0), (0, 0, 255)


def frame(*box, color=RED, label='Can', **style):
    return Frame(np.array(box, dtype=float), color, label, **style)


@pytest.fixture
def drawn():
    """Axes on which a panel was drawn, 200 pixels long."""

    def draw(*frames, photo=BLANK, square=None):
        axes = Figure((2, 2.4), 100, layout='constrained').subplots()
        draw_panel(axes, Panel(photo, 'a', frames, square), 200)
        return axes

    return draw


def rectangles(axes):
    return [(patch.get_bbox().extents.tolist(), patch.get_linestyle()) for patch in axes.patches]


@pytest.mark.parametrize(('length', 'size'), [(None, (200, 100)), (500, (800, 400))])
def test_a_large_file_is_read_no_larger_than_it_is_drawn(tmp_path, length, size):
    Image.new('RGB', (2000, 1000)).save(tmp_path / 'a.jpg')
    photo = read_photo(tmp_path / 'a.jpg', 'a', side=200, length=length or np.inf)
    assert (photo.pixels.shape[1::-1], photo.size) == (size, (2000, 1000))


def test_a_scaled_copy_is_drawn_at_the_size_of_the_original(tmp_path, drawn):
    Image.new('RGB', (100, 50)).save(tmp_path / 'a.jpg')
    photo = read_photo(tmp_path / 'a.jpg', 'a', (400, 200), side=200)
    axes = drawn(frame(100, 20, 300, 120), photo=photo)
    assert photo.pixels.shape == (50, 100, 3)
    assert axes.images[0].get_extent() == [0, 400, 200, 0]
    assert rectangles(axes) == [([100, 20, 300, 120], '-')]
    assert axes.get_xlim() == (0, 400)
    assert axes.get_ylim() == (300, -100)


@pytest.mark.parametrize('suffix', ['jpg', 'png'])
def test_a_file_is_turned_as_its_exif_data_say(tmp_path, suffix):
    stored = np.zeros((100, 200, 3), np.uint8)
    stored[:, :50] = (0, 200, 0)  # left as stored, on top when displayed
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(stored).save(tmp_path / f'a.{suffix}', exif=exif)
    photo = read_photo(tmp_path / f'a.{suffix}', 'a', side=50)
    assert photo.size == (100, 200)
    assert photo.pixels.shape == (50, 25, 3)
    assert photo.pixels[5, 12, 1] > 150
    assert photo.pixels[45, 12, 1] < 50


@pytest.mark.parametrize('data', [None, b'no image'])
def test_what_cannot_be_read_says_so_and_has_no_boxes(tmp_path, data, drawn, texts_of):
    if data is not None:
        (tmp_path / 'a.jpg').write_bytes(data)
    photo = read_photo(tmp_path / 'a.jpg', 'batch_1/a.jpg', (400, 300), side=200)
    axes = drawn(frame(0, 0, 90, 90), photo=photo)
    assert 'batch_1/a.jpg\ncannot be read' in texts_of(axes)
    assert not axes.patches


def test_the_first_box_lies_on_top_and_dashes_are_drawn(drawn):
    blue = frame(10, 10, 90, 90, color=BLUE, dashed=True, label='$\\broken$')
    axes = drawn(frame(0, 0, 90, 90), blue)
    axes.figure.draw_without_rendering()  # a name is no formula
    assert rectangles(axes) == [([10, 10, 90, 90], '--'), ([0, 0, 90, 90], '-')]
    assert [patch.get_edgecolor()[:3] for patch in axes.patches] == [(0, 0, 1), (1, 0, 0)]


def test_a_box_too_small_to_be_seen_is_ringed(drawn):
    axes = drawn(frame(100, 100, 106, 104, label=''))
    assert not axes.patches
    assert axes.lines[0].get_xydata().tolist() == [[103, 102]]
    assert len(drawn(frame(100, 100, 106, 104), square=(90, 90, 50)).patches) == 1


def test_labels_do_not_cover_one_another_and_those_without_room_are_counted(drawn):
    corners = np.random.default_rng(0).uniform(0, 150, (40, 2))
    axes = drawn(*(frame(*corner, *(corner + 40)) for corner in corners))
    labels = [text for text in axes.texts if text.get_text() == 'Can']
    assert axes.get_title(loc='left') == f'a, {40 - len(labels)} without a label'
    assert 10 < len(labels) < 40
    extents = [label.get_window_extent() for label in labels]
    assert all(extent.count_overlaps(extents) == 1 for extent in extents)


def test_a_label_can_be_read_on_the_colour_of_its_box(drawn):
    yellow = frame(20, 60, 60, 90, color=(240, 228, 66))
    axes = drawn(yellow, frame(120, 140, 180, 180, color=BLUE))
    assert [label.get_color() for label in axes.texts] == ['black', 'white']


def test_boxes_beyond_the_photograph_are_counted(drawn):
    axes = drawn(frame(5, 5, 202, 200), frame(5, 5, 203, 200))
    assert axes.get_title(loc='left').endswith(', 1 beyond the image')
