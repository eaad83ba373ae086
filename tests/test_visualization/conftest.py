from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from taco_plugin.boxes import Boxes
from taco_plugin.evaluation.detection_errors import confident_errors
from taco_plugin.visualization.mosaics import mosaic_of_errors, mosaic_of_predictions
from taco_plugin.visualization.tiles import text_tile

CLASSES = ['Can', 'Bottle']
COLORS = [(255, 0, 0), (0, 0, 255)]
BLANK = np.full((200, 200, 3), 255, np.uint8)


@pytest.fixture
def name_classes():
    """Names as long as TACO's."""

    def name(count):
        return [f'Disposable food container {number}' for number in range(count)]

    return name


@pytest.fixture
def texts_of():
    """All that a figure says, legends and notes included."""

    def texts(figure):
        from matplotlib.text import Text

        return [text.get_text() for text in figure.findobj(Text) if text.get_text()]

    return texts


@pytest.fixture
def check_layout():
    """Draws a figure: no labels of one axis overlap, and nothing is cut off."""

    def extents(axis):
        first, last = sorted(axis.get_view_interval())
        ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
        labels = [label for place, label in ticks if first <= place <= last and label.get_text()]
        return [label.get_window_extent() for label in labels]

    def check(figure):
        FigureCanvasAgg(figure).draw()
        content = figure.get_tightbbox()
        assert content.p0.min() >= 0
        assert (content.p1 <= figure.get_size_inches()).all()
        for axes in figure.axes:
            drawn = [extents(axes.xaxis), extents(axes.yaxis)]
            assert any(drawn)
            for a, b in (pair for boxes in drawn for pair in combinations(boxes, 2)):
                assert not a.overlaps(b)

    return check


@pytest.fixture
def boxes():
    """Boxes of (image, label, xyxy, score); the score may be missing."""

    def make(*rows):
        if not rows:
            return Boxes.from_results([], {})
        return Boxes(*zip(*[(*row, *(1.0, False)[len(row) - 3 :]) for row in rows], strict=True))

    return make


@pytest.fixture
def halves():
    """The two tiles of a mosaic of one image, without their titles."""

    def draw(truth, found, image=BLANK, side=200, **options):
        picture = mosaic_of_predictions(
            {1: image}, truth, found, CLASSES, COLORS, side=side, **options
        )
        assert picture.dtype == np.uint8
        return picture[-side:, :side], picture[-side:, -side:]

    return draw


@pytest.fixture
def crops():
    """A mosaic of errors in one row, cut into its crops, and the whole."""

    def draw(images, truth, found, side=240, **options):
        errors = confident_errors(truth, found)
        picture = mosaic_of_errors(
            images, truth, found, errors, CLASSES, columns=99, side=side, **options
        )
        top = text_tile([], 9).height + 4
        count = (picture.shape[1] + 8) // (side + 8)
        starts = [number * (side + 8) for number in range(count)]
        return [picture[top : top + side, start : start + side] for start in starts], picture

    return draw


@pytest.fixture
def has():
    """Where a picture has exactly a colour."""

    def mask(picture, color):
        return (picture == color).all(axis=-1)

    return mask


@pytest.fixture
def extent():
    """Left, top, right and bottom of what is true."""

    def bounds(mask):
        y, x = np.nonzero(mask)
        return x.min(), y.min(), x.max() + 1, y.max() + 1

    return bounds
