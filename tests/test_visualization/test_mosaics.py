import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.visualization import tiles
from taco_plugin.visualization.mosaics import TRUE, mosaic_of_predictions
from taco_plugin.visualization.tiles import INK, PADDING

CLASSES = ['Can', 'Bottle']
COLORS = [(255, 0, 0), (0, 0, 255)]
BLANK = np.full((200, 200, 3), 255, np.uint8)
NONE = Boxes.from_results([], {})


def test_frame_has_the_colour_of_its_class_and_lies_on_the_box(boxes, halves, has):
    left, right = halves(boxes((1, 0, (60, 80, 140, 160))), boxes((1, 1, (20, 40, 100, 120), 0.9)))
    for x, y in [(60, 120), (139, 120), (100, 80), (100, 159)]:
        assert left[y, x].tolist() == [255, 0, 0]
    for x, y in [(20, 80), (99, 80), (60, 40), (60, 119)]:
        assert right[y, x].tolist() == [0, 0, 255]
    assert not has(left, (0, 0, 255)).any()
    assert not has(right, (255, 0, 0)).any()
    assert left[100, 100].tolist() == [255, 255, 255]


def test_image_is_enlarged_and_padded_to_the_tile(boxes, halves):
    image = np.full((50, 100, 3), 255, np.uint8)
    left, _ = halves(boxes((1, 0, (20, 10, 80, 40))), NONE, image)
    assert left[30, 100].tolist() == left[170, 100].tolist() == list(PADDING)
    assert left[100, 39:41].tolist() == [[255, 0, 0]] * 2  # twice 20, minus 1
    assert left[109, 100].tolist() == [255, 255, 255]
    assert left[129:131, 100].tolist() == [[255, 0, 0]] * 2  # twice 40, below 50 of padding


def test_only_confident_detections_are_drawn(boxes, halves, has):
    found = boxes((1, 0, (60, 80, 140, 160), 0.5))
    assert has(halves(NONE, found, score_threshold=0.5)[1], COLORS[0]).any()
    assert not has(halves(NONE, found, score_threshold=0.51)[1], COLORS[0]).any()


@pytest.mark.parametrize('order', [[0, 1], [1, 0]])
def test_confident_detection_lies_on_top(order, boxes, halves):
    found = boxes((1, 0, (60, 80, 140, 160), 0.9), (1, 1, (60, 80, 140, 160), 0.5))
    assert halves(NONE, found[np.array(order)])[1][120, 60].tolist() == list(COLORS[0])


def test_rows_and_columns():
    def shape(count, columns):
        images = dict.fromkeys(range(count), BLANK)
        return mosaic_of_predictions(
            images, NONE, NONE, CLASSES, COLORS, columns=columns, side=100
        ).shape

    title = shape(1, 1)[0] - 100
    assert shape(1, 1) == (100 + title, 202, 3)
    assert shape(5, 2) == (3 * (100 + title) + 2 * 14, 2 * 202 + 14, 3)
    assert shape(2, 5) == (100 + title, 2 * 202 + 14, 3)


def test_box_too_small_to_be_seen_is_ringed(boxes, halves, has, extent):
    left, _ = halves(boxes((1, 0, (100, 100, 102, 101))), NONE)
    ring = has(left, COLORS[0])[92:, :]  # below the label
    x1, _, x2, y2 = extent(ring)
    assert (x1, y2) == (92, 18)
    assert left[101, 101].tolist() == [255, 255, 255]
    assert x2 >= 110


def test_boxes_beyond_the_image_are_counted_in_the_title(monkeypatch, boxes, halves):
    titles = []
    monkeypatch.setattr(tiles, 'fit', lambda text, face, width: titles.append(text) or text)
    halves(boxes((1, 0, (5, 5, 202, 200)), (1, 0, (5, 5, 203, 200))), NONE)
    assert 'image 1, true boxes: 2, 1 beyond the image' in titles


@pytest.mark.parametrize('data', [None, b'', b'no image', b'\xff\xd8\xff\xe0'])
def test_unreadable_image_is_a_grey_tile_and_the_others_are_drawn(
    tmp_path, data, boxes, has, crops
):
    path = tmp_path / 'a.jpg'
    if data is not None:
        path.write_bytes(data)
    truth = boxes((1, 0, (60, 80, 140, 160)), (2, 0, (60, 80, 140, 160)))
    picture = mosaic_of_predictions(
        {1: path, 2: BLANK}, truth, NONE, CLASSES, COLORS, columns=1, side=200
    )
    upper, lower = picture[: picture.shape[0] // 2 - 10, :200], picture[-200:, :200]
    assert has(upper, PADDING).mean() > 0.8
    assert has(upper[90:], INK).sum() > 50  # its name
    assert not has(upper, COLORS[0]).any()
    assert has(lower, COLORS[0]).any()
    (tile,), _ = crops({1: path}, truth[:1], NONE)
    assert has(tile, PADDING).mean() > 0.8
    assert not has(tile, TRUE).any()


def test_bad_arguments_are_refused(boxes, has, crops):
    box = boxes((1, 2, (0, 0, 9, 9)))
    with pytest.raises(InputError, match='images must not be empty'):
        mosaic_of_predictions({}, NONE, NONE, CLASSES, COLORS)
    with pytest.raises(InputError, match='colors must be 2 or more, but are 1'):
        mosaic_of_predictions({1: BLANK}, NONE, NONE, CLASSES, COLORS[:1])
    for truth, found in ((box, NONE), (NONE, box)):
        with pytest.raises(InputError, match='classes must name every label'):
            mosaic_of_predictions({1: BLANK}, truth, found, CLASSES, COLORS)
        with pytest.raises(InputError, match='classes must name every label'):
            crops({1: BLANK}, truth, found)
    with pytest.raises(InputError, match='images has no image 3'):
        crops({1: BLANK}, boxes((3, 0, (0, 0, 9, 9))), NONE)
