import pytest

from taco_plugin.datasets.palette import OKABE_ITO, palette


@pytest.mark.parametrize('count', [1, 7, 10, 28, 60])
def test_every_class_has_its_own_colour(count):
    colours = palette(count)
    assert len(set(colours)) == count
    assert all(0 <= channel <= 255 for colour in colours for channel in colour)


def test_colours_stay_when_classes_are_added():
    assert palette(60)[:10] == palette(10)
    assert palette(7) == OKABE_ITO
