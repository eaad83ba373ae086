"""Small litter, and what lies about and is not litter: stones and leaves."""

import numpy as np

from .sprite import Sprite, band, box, ellipse, mirror, pick, soften


def draw_cigarette(rng: np.random.Generator, length: float) -> Sprite:
    """A smoked cigarette: orange filter, white paper, ash at the end."""
    width, turn = rng.uniform(0.19, 0.25), rng.normal(0, 0.1)
    path = [(-0.5, -turn / 2), (0.0, turn / 2), (0.5, -turn / 2)]
    cigarette = Sprite(rng, length, band(path, width), colour=(244, 242, 236))
    end = rng.uniform(-0.08, 0.12)  # of the filter
    cigarette.fill(box(-0.6, -0.6, end, 0.6), (214, 140, 66))
    cigarette.fill(box(end - 0.03, -0.6, end, 0.6), (170, 96, 40))
    for x, y in rng.uniform((-0.48, -0.08), (end - 0.05, 0.08), (9, 2)):
        cigarette.fill(ellipse(x, y, 0.018, 0.014, corners=8), (240, 190, 120))
    cigarette.fill(box(-0.6, -0.6, -0.47, 0.6), (232, 206, 160))
    tip = np.array([(0.4, -0.6), (0.6, -0.6), (0.6, 0.6), (0.42, 0.6), (0.36, 0.05)])
    cigarette.fill(tip + rng.normal(0, 0.015, tip.shape), (70, 66, 62))
    cigarette.round_off(width / 2 + 0.04, dark=0.6)
    return cigarette


def draw_bottle_cap(rng: np.random.Generator, length: float) -> Sprite:
    """A screw cap from above, or its hollow side."""
    brands = ((215, 30, 35), (25, 80, 200), (30, 150, 70), (245, 140, 20), (240, 215, 40))
    colour = pick(rng, brands)
    notched = 0.487 + 0.012 * np.cos(np.pi * np.arange(72))
    rim = ellipse(0, 0, 1, 1, corners=72) * notched[:, None]
    cap = Sprite(rng, length, rim, colour=colour * 0.72)
    for cos, sin in ellipse(0, 0, 1, 1, corners=24):
        ray = [(0.38 * cos, 0.38 * sin), (0.51 * cos, 0.51 * sin)]
        cap.fill(band(ray, 0.03), colour * 0.5)
    if rng.random() < 0.35:
        cap.fill(ellipse(0, 0, 0.38, 0.38), colour * 0.42)
        cap.fill(ellipse(0.03, 0.03, 0.3, 0.3), colour * 0.66)
    else:
        cap.fill(ellipse(0, 0, 0.39, 0.39), colour)
        cap.fill(ellipse(0, 0, 0.2, 0.2), np.minimum(colour * 1.1 + 45, 255))
        cap.fill(ellipse(0, 0, 0.16, 0.16), colour)
    cap.fill(ellipse(-0.17, -0.17, 0.1, 0.06), (255, 255, 255), 0.75)
    return cap


def draw_pop_tab(rng: np.random.Generator, length: float) -> Sprite:
    """The ring pull of a can: a finger hole and a rivet."""
    outline = mirror([(-0.5, 0.2), (-0.36, 0.32), (0.2, 0.31), (0.44, 0.26), (0.5, 0.15)])
    metal = pick(rng, ((206, 209, 214), (190, 193, 198), (216, 202, 170)))
    tab = Sprite(rng, length, soften(outline), colour=metal)
    tab.shade(0.95 + 0.35 * np.cos(9 * tab.y + 4 * tab.x))
    hole = soften(mirror([(-0.38, 0.1), (-0.3, 0.2), (-0.02, 0.2), (0.04, 0.1)]))
    tab.fill(hole * 1.18 + (0.03, 0), (110, 112, 116))
    tab.fill(ellipse(0.28, 0, 0.15, 0.16), (120, 122, 126))
    tab.fill(ellipse(0.28, 0, 0.12, 0.13), (226, 228, 232))
    tab.fill(ellipse(0.28, 0.01, 0.06, 0.06), (60, 60, 64))
    tab.cut(hole)
    return tab


def draw_straw(rng: np.random.Generator, length: float) -> Sprite:
    """A drinking straw, striped or plain and, mostly, bent at its folds."""
    colour = pick(rng, ((220, 30, 40), (30, 90, 210), (30, 160, 80), (250, 190, 30)))
    width, turn = rng.uniform(0.055, 0.07), 0.0
    if rng.random() < 0.7:
        turn = rng.uniform(0.4, 1.0) * rng.choice([-1, 1])
    angle = np.repeat([0.0, turn / 2, turn], [12, 1, 6])
    path = np.cumsum(np.column_stack([np.cos(angle), np.sin(angle)]), axis=0) / len(angle)
    path -= (path.min(axis=0) + path.max(axis=0)) / 2
    striped = rng.random() < 0.5
    straw = Sprite(rng, length, band(path, width), colour=(250, 250, 250) if striped else colour)
    for start in range(0, len(path) - 1, 2) if striped else ():
        straw.fill(band(path[start : start + 2], 1.4 * width), colour)
    straw.fill(band(path - (0, 0.25 * width), 0.28 * width), (255, 255, 255), 0.6)
    straw.fill(band(path + (0, 0.38 * width), 0.22 * width), (20, 20, 30), 0.3)
    for x, y in path[11:14] if turn else ():
        straw.fill(ellipse(x, y, 0.006, width), (40, 40, 50), 0.55)
    return straw


def draw_stone(rng: np.random.Generator, length: float) -> Sprite:
    """A pebble, lit from above."""
    rough = 1 + rng.uniform(-0.16, 0.16, (11, 1))
    outline = soften(ellipse(0, 0, 0.45, rng.uniform(0.28, 0.42), corners=11) * rough)
    colour = pick(rng, ((128, 124, 118), (156, 148, 136), (104, 98, 94), (176, 160, 138)))
    stone = Sprite(rng, length, outline, colour=colour)
    stone.crumple(0.3, 0.2)
    stone.round_off(0.5, dark=0.5)
    return stone


def draw_leaf(rng: np.random.Generator, length: float) -> Sprite:
    """A dry leaf with its veins."""
    width = rng.uniform(0.16, 0.27)
    half = [(-0.5, 0.012), (-0.36, 0.012), (-0.3, 0.5 * width), (-0.05, width), (0.25, 0.6 * width)]
    tones = ((150, 92, 36), (186, 128, 40), (116, 74, 34), (98, 116, 44), (168, 70, 34))
    outline = soften(mirror([*half, (0.5, 0.004)]))
    leaf = Sprite(rng, length, outline, colour=pick(rng, tones))
    leaf.crumple(0.3, 0.2)
    vein = (70, 48, 24)
    leaf.fill(band([(-0.5, 0), (0.46, 0)], 0.025), vein, 0.7)
    for x in (-0.22, -0.06, 0.1):
        for side in (-1, 1):
            leaf.fill(band([(x, 0), (x + 0.14, side * width * 0.8)], 0.014), vein, 0.5)
    return leaf
