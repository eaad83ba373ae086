import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.visualization import mosaics
from taco_plugin.visualization.mosaics import TRUE, WRONG
from taco_plugin.visualization.tiles import INK, PADDING, fit, font, wrap

BLANK = np.full((200, 200, 3), 255, np.uint8)
NONE = Boxes.from_results([], {})


def test_crop_has_the_wrong_box_solid_and_the_true_one_dashed(boxes, has, extent, crops):
    image = np.full((400, 400, 3), 255, np.uint8)
    truth, found = boxes((1, 0, (180, 180, 220, 220))), boxes((1, 1, (180, 180, 220, 230), 0.9))
    (tile,), _ = crops({1: image}, truth, found)
    zoom = 240 / 150  # the longer side of the wrong box is 50
    x1, y1, x2, y2 = extent(has(tile, WRONG))
    np.testing.assert_allclose([x2 - x1, y2 - y1], [40 * zoom + 2, 50 * zoom + 2], atol=1)
    np.testing.assert_allclose([(x1 + x2) / 2, (y1 + y2) / 2], [120, 120], atol=1.5)
    assert has(tile, WRONG)[y2 - 1, x1:x2].all()
    bottom = has(tile, TRUE)[int(120 + zoom * 15)]  # of the true box
    assert 0.3 < bottom[x1 + 4 : x2 - 4].mean() < 0.7


def test_crop_is_64_pixels_at_least_and_the_image_at_most(boxes, has, extent, crops):
    image = np.full((400, 400, 3), 255, np.uint8)
    (tile,), _ = crops({1: image}, boxes((1, 0, (195, 195, 205, 205))), NONE)
    x1, _, x2, _ = extent(has(tile, TRUE))
    assert x2 - x1 == pytest.approx(240 * 10 / 64, abs=4)
    (tile,), _ = crops({1: image}, boxes((1, 0, (40, 40, 360, 360))), NONE)
    x1, _, x2, _ = extent(has(tile, TRUE))
    assert x2 - x1 == pytest.approx(240 * 320 / 400, abs=4)
    assert has(tile, (255, 255, 255))[2].all()  # no padding


def test_crop_at_the_edge_is_moved_into_the_image(boxes, has, extent, crops):
    image = np.full((400, 400, 3), 255, np.uint8)
    (tile,), _ = crops({1: image}, boxes((1, 0, (390, 0, 400, 10))), NONE)
    assert not has(tile, PADDING).any()
    x1, y1, x2, y2 = extent(has(tile, TRUE))
    assert (y1, x2) == (0, 240)
    assert x1 > 190
    assert y2 < 50


def test_missed_box_of_an_error_that_is_drawn_is_not_drawn_again(boxes, has, crops):
    truth = boxes((1, 0, (20, 20, 60, 60)), (1, 0, (120, 120, 160, 160)))
    found = boxes((1, 1, (20, 20, 60, 60), 0.9))
    tiles, _ = crops({1: BLANK}, truth, found)
    assert [has(tile, WRONG).any() for tile in tiles] == [True, False]
    tiles, _ = crops({1: BLANK}, truth, found, most=0)
    assert [has(tile, WRONG).any() for tile in tiles] == [False, False]
    assert len(crops({1: BLANK}, truth, found, most_missed=0)[0]) == 1


def test_one_image_does_not_fill_the_mosaic(boxes, crops):
    everywhere = [(20, 20, 60, 60), (70, 20, 110, 60), (120, 20, 160, 60)]
    found = boxes(*((1, 1, box, 0.9) for box in everywhere), (2, 1, everywhere[0], 0.5))
    shown, _ = crops({1: BLANK, 2: BLANK}, NONE, found, most=3, most_per_image=2)
    assert len(shown) == 2 + 1
    truth = boxes(*((1, 0, box) for box in everywhere), (2, 0, everywhere[0]))
    assert len(crops({1: BLANK, 2: BLANK}, truth, NONE, most_per_image=1)[0]) == 2


def test_captions(monkeypatch, boxes, crops):
    captions = []
    monkeypatch.setattr(mosaics, 'wrap', lambda text, face, width: captions.append(text) or [text])
    truth = boxes((1, 1, (0, 0, 40, 40)), (2, 0, (0, 0, 40, 80)))
    found = boxes(
        (1, 0, (0, 0, 40, 40), 0.92),
        (2, 0, (0, 0, 40, 20), 0.8),
        (2, 1, (0, 0, 40, 20), 0.7),
        (2, 1, (150, 150, 190, 190), 0.6),
    )
    crops({1: BLANK, 2: BLANK}, truth, found, most=3)
    assert [caption.replace('\u00a0', ' ') for caption in captions] == [
        'confused: Can (0.92), is Bottle',
        'badly located: Can (0.80), IoU 0.25',
        'confused, badly located: Bottle (0.70), is Can, IoU 0.25',
    ]
    captions.clear()
    crops({1: BLANK, 2: BLANK}, truth, found[3:])
    assert [caption.replace('\u00a0', ' ') for caption in captions] == [
        'background: Bottle (0.60)',
        'missed: Can, 40\u00d780 px',
        'missed: Bottle, 40\u00d740 px',
    ]


def test_captions_are_broken_into_lines_that_fit():
    face = font(12)
    text = 'confused: Plastic bag + wrapper (0.92), is Disposable food container'
    lines = wrap(text, face, 150)
    assert ' '.join(lines) == text
    assert max(face.getlength(line) for line in lines) <= 150
    assert len(lines) > 2
    assert face.getlength(fit(text, face, 80)) <= 80
    assert fit(text, face, 80).endswith('container')


def test_no_errors(has, crops):
    tiles, picture = crops({}, NONE, NONE)
    assert has(picture, INK).any()
    assert picture.shape[0] < 40
