from functools import partial

import numpy as np
import pytest
from PIL import Image

from taco_plugin.boxes import Boxes
from taco_plugin.evaluation.detection_errors import find_errors
from taco_plugin.visualization import mosaics
from taco_plugin.visualization.mosaics import mosaic_of_errors, mosaic_of_predictions

CLASSES = ['Can', 'Bottle']
COLORS = [(255, 0, 0), (0, 0, 255)]
NONE = Boxes.from_results([], {})


@pytest.fixture
def panels(monkeypatch, tmp_path):
    """Draws a mosaic of two white images of 400 x 400 pixels; returns its panels."""
    paths = {number: tmp_path / 'batch_1' / f'{number}.png' for number in (1, 2)}
    paths[1].parent.mkdir()
    for path in paths.values():
        Image.new('RGB', (400, 400), 'white').save(path)
    drawn = []
    draw_tile = mosaics.draw_tile

    def keep(panel, *args, **options):
        drawn.append(panel)
        return draw_tile(panel, *args, **options)

    def draw(mosaic, *boxes, images=paths, size=(400, 400), **options):
        drawn.clear()
        options |= {'classes': CLASSES, 'sizes': dict.fromkeys(images, size)}
        picture = mosaic(images, *boxes, **options)
        assert picture.dtype == np.uint8
        return list(drawn)

    monkeypatch.setattr(mosaics, 'draw_tile', keep)
    draw.paths = paths
    return draw


@pytest.fixture
def predictions(panels):
    return partial(panels, mosaic_of_predictions, colors=COLORS, score_threshold=0.5)


@pytest.fixture
def crops(panels):
    return lambda *boxes, **options: panels(
        mosaic_of_errors, *boxes, errors=find_errors(*boxes), **options
    )


def frames(panel):
    return [(frame.box.tolist(), frame.color, frame.label) for frame in panel.frames]


def titles(panels):
    return [panel.title.replace('\u00a0', ' ').split('\n')[0] for panel in panels]


def test_true_boxes_are_beside_confident_detections(predictions, boxes):
    truth = boxes((1, 0, (60, 80, 140, 160)), (7, 0, (0, 0, 9, 9)))
    detections = boxes(
        (1, 0, (0, 0, 40, 40), 0.5),
        (1, 1, (20, 40, 100, 120), 0.9),
        (1, 1, (0, 0, 9, 9), 0.49),
    )
    left, right, *_ = predictions(truth, detections)
    assert frames(left) == [([60, 80, 140, 160], COLORS[0], 'Can')]
    assert frames(right) == [
        ([20, 40, 100, 120], COLORS[1], 'Bottle 0.90'),
        ([0, 0, 40, 40], COLORS[0], 'Can 0.50'),
    ]
    assert left.title == 'batch_1/1.png, true boxes: 1'
    assert right.title == 'batch_1/1.png, detections with score >= 0.5: 2'


def test_boxes_of_originals_lie_on_scaled_copies(predictions, crops, boxes):
    truth = boxes((1, 0, (3000, 1000, 3400, 1400)))
    for drawn in (predictions, crops):
        panel = drawn(truth, NONE, size=(4000, 4000))[0]
        assert panel.photo.size == (4000, 4000)
        assert 'batch_1/1.png' in panel.title
        assert frames(panel)[0][0] == [3000, 1000, 3400, 1400]
    assert panel.square == (2600, 600, 1200)


def test_an_image_that_cannot_be_read_costs_no_other(panels, predictions, crops, boxes):
    truth = boxes((1, 0, (60, 80, 140, 160)), (2, 0, (60, 80, 140, 160)))
    images = {1: 'gone.jpg', 2: panels.paths[2]}
    for draw, count in ((predictions, 2), (crops, 1)):
        readable = [panel.photo.pixels is not None for panel in draw(truth, NONE, images=images)]
        assert readable == [False] * count + [True] * count


def test_a_crop_has_the_wrong_box_solid_and_true_ones_dashed(crops, boxes):
    truth = boxes((1, 0, (180, 180, 220, 220)), (1, 0, (0, 0, 9, 9)))
    (panel, _) = crops(truth, boxes((1, 1, (180, 180, 220, 230), 0.9)))
    drawn = [(frame.box.tolist(), frame.width, frame.dashed) for frame in panel.frames]
    assert drawn == [
        ([180, 180, 220, 230], 1.5, False),
        ([180, 180, 220, 220], 2.5, True),
        ([180, 180, 220, 220], 1, True),
        ([0, 0, 9, 9], 1, True),
    ]
    assert panel.square == (125, 130, 150)  # the longer side of the wrong box is 50
    (panel,) = crops(boxes((1, 0, (390, 0, 400, 10))), NONE)
    assert panel.square == (336, 0, 64)  # 64 pixels at least, and within the image


def test_neither_a_box_nor_an_image_fills_the_mosaic(crops, boxes):
    everywhere = [(20 + 50 * n, 20, 60 + 50 * n, 60) for n in range(5)]
    detections = boxes(*((1, 1, box, 0.9) for box in everywhere), (2, 1, everywhere[0], 0.5))
    assert len(crops(NONE, detections)) == 3 + 1
    truth = boxes(*((1, 0, box) for box in everywhere), (2, 0, everywhere[0]))
    assert len(crops(truth, NONE)) == 3 + 1
    # Of a missed box that an error is about there is no other crop.
    assert len(crops(truth[:2], detections[:1])) == 2
    assert crops(NONE, NONE) == []


def test_titles_name_the_error(crops, boxes):
    truth = boxes((1, 1, (0, 0, 40, 40)), (2, 0, (0, 0, 40, 80)))
    detections = boxes(
        (1, 0, (0, 0, 40, 40), 0.92),
        (2, 0, (0, 0, 40, 20), 0.8),
        (2, 1, (0, 0, 40, 20), 0.7),
        (2, 1, (150, 150, 190, 190), 0.6),
    )
    assert titles(crops(truth, detections)) == [
        'classification error: Can (0.92), is Bottle',
        'localization error: Can (0.80), IoU 0.25',
        'classification and localization error: Bottle (0.70), is Can, IoU 0.25',
        'background: Bottle (0.60)',
    ]
    missed = titles(crops(truth, NONE))
    assert missed == ['missed: Can, 40×80 px', 'missed: Bottle, 40×40 px']
