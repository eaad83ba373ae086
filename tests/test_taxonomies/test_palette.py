from taco_plugin.taxonomies.palette import OKABE_ITO, palette


def test_a_few_classes_get_the_colours_that_everybody_can_tell_apart():
    assert palette(3) == OKABE_ITO[:3]


def test_many_classes_get_different_colours_and_the_first_keep_theirs():
    colours = palette(60)
    assert len(set(colours)) == 60
    assert colours[:7] == OKABE_ITO
    assert all(0 <= channel <= 255 for colour in colours for channel in colour)
