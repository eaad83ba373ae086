from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg


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
