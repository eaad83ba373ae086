import pytest

from taco_plugin.boxes import Boxes


@pytest.fixture
def texts_of():
    """All that a figure says, legends and notes included."""

    def texts(figure):
        from matplotlib.text import Text

        return [text.get_text() for text in figure.findobj(Text) if text.get_text()]

    return texts


@pytest.fixture
def boxes():
    """Boxes of (image, label, xyxy, score); the score may be missing."""

    def make(*rows):
        if not rows:
            return Boxes.from_results([], {})
        return Boxes(*zip(*[(*row, *(1.0, False)[len(row) - 3 :]) for row in rows], strict=True))

    return make
