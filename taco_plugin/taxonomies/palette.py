"""Colours of classes."""

import colorsys

# Okabe and Ito's colours without black, told apart by the colour-blind: https://jfly.uni-koeln.de/color/
OKABE_ITO = [
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
]


def palette(num_classes: int) -> list[tuple[int, int, int]]:
    """Returns one RGB colour in [0, 255] per class; the same count gives the same colours.

    The first seven classes get Okabe and Ito's colours, others hues a golden ratio apart.

    >>> palette(2)
    [(230, 159, 0), (86, 180, 233)]
    >>> len(set(palette(60)))
    60
    """
    colours = OKABE_ITO[:num_classes]
    for index in range(len(OKABE_ITO), num_classes):
        hue = index * 0.618034 % 1
        rgb = colorsys.hsv_to_rgb(hue, 0.55 + 0.4 * (index % 2), 0.95 - 0.25 * (index % 3) / 2)
        red, green, blue = (round(255 * channel) for channel in rgb)
        colours.append((red, green, blue))
    return colours
