"""Cigarettes, caps, lids, pop tabs and straws."""

import numpy as np

from .containers import pick
from .shapes import band, bend, box, ellipse, jitter, mirror, soften
from .sprite import Colour, Pose, Sprite

_CAPS: tuple[Colour, ...] = (
    (215, 30, 35),
    (25, 80, 200),
    (30, 150, 70),
    (245, 140, 20),
    (240, 215, 40),
)
_LIDS: tuple[Colour, ...] = ((246, 246, 244), (236, 238, 240), (30, 28, 28))
_STRAWS: tuple[Colour, ...] = ((220, 30, 40), (30, 90, 210), (30, 160, 80), (250, 190, 30))


def draw_cigarette(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a smoked cigarette: orange filter, white paper, ash at the end."""
    path = bend(1.0, rng.normal(0, 0.22), at=rng.uniform(0.4, 0.6))
    width = rng.uniform(0.19, 0.25)
    sprite = Sprite(pose, band(path, width), (244, 242, 236))
    end_of_filter = rng.uniform(-0.08, 0.12)
    sprite.fill(box(-0.6, -0.6, end_of_filter, 0.6), (214, 140, 66))
    sprite.fill(box(end_of_filter - 0.03, -0.6, end_of_filter, 0.6), (170, 96, 40))
    for x, y in rng.uniform((-0.48, -0.08), (end_of_filter - 0.05, 0.08), (9, 2)):
        sprite.fill(ellipse(x, y, 0.018, 0.014, 8), (240, 190, 120))
    sprite.fill(box(-0.6, -0.6, -0.47, 0.6), (232, 206, 160))
    tip = np.array([(0.4, -0.6), (0.6, -0.6), (0.6, 0.6), (0.42, 0.6), (0.36, 0.05)])
    sprite.fill(jitter(rng, tip, 0.015), (70, 66, 62))
    sprite.round_off(width / 2 + 0.04, dark=0.6)
    return sprite


def draw_bottle_cap(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a screw cap from above, or its hollow side."""
    notches = 36
    radius = 0.487 + 0.012 * np.cos(np.pi * np.arange(2 * notches))
    rim = ellipse(0, 0, 1, 1, 2 * notches) * radius[:, None]
    colour = np.array(pick(rng, _CAPS))
    sprite = Sprite(pose, rim, tuple(colour * 0.72))
    for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        ray = np.array([(0.38 * np.cos(angle), 0.38 * np.sin(angle))] * 2) * [[1.0], [1.35]]
        sprite.fill(band(ray, 0.03), tuple(colour * 0.5))
    if rng.random() < 0.35:
        sprite.fill(ellipse(0, 0, 0.38, 0.38), tuple(colour * 0.42))
        sprite.fill(ellipse(0.03, 0.03, 0.3, 0.3), tuple(colour * 0.66))
    else:
        sprite.fill(ellipse(0, 0, 0.39, 0.39), tuple(colour))
        sprite.fill(ellipse(0, 0, 0.2, 0.2), tuple(np.minimum(colour * 1.1 + 45, 255)))
        sprite.fill(ellipse(0, 0, 0.16, 0.16), tuple(colour))
    sprite.fill(ellipse(-0.17, -0.17, 0.1, 0.06), (255, 255, 255), 0.75)
    return sprite


def draw_lid(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws the lid of a cup: rings, a raised rim and a cross or a drinking slot."""
    colour = np.array(pick(rng, _LIDS))
    dark, light = tuple(colour * 0.66), tuple(np.minimum(colour * 1.1 + 26, 255))
    sprite = Sprite(pose, ellipse(0, 0, 0.5, 0.5, 64), tuple(colour))
    for radius, ring in ((0.46, dark), (0.435, light), (0.37, tuple(colour)), (0.34, dark)):
        sprite.fill(ellipse(0, 0, radius, radius), ring)
    sprite.fill(ellipse(0, 0, 0.31, 0.31), tuple(colour * 0.93))
    sprite.fill(ellipse(-0.03, -0.03, 0.26, 0.26), tuple(colour))
    if rng.random() < 0.6:
        sprite.fill(box(-0.13, -0.018, 0.13, 0.018), (60, 60, 62))
        sprite.fill(box(-0.018, -0.13, 0.018, 0.13), (60, 60, 62))
    else:
        sprite.fill(soften(box(0.2, -0.1, 0.27, 0.1)), (45, 44, 44))
    arc = np.linspace(3.4, 4.5, 9)
    sprite.fill(
        band(0.4 * np.column_stack([np.cos(arc), np.sin(arc)]), 0.035), (255, 255, 255), 0.8
    )
    sprite.shade(1 + 0.12 * (-sprite.x - sprite.y))
    return sprite


def draw_pop_tab(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws the ring pull of a can: a finger hole and a rivet."""
    outline = soften(mirror([(-0.5, 0.2), (-0.36, 0.32), (0.2, 0.31), (0.44, 0.26), (0.5, 0.15)]))
    metal = pick(rng, ((206, 209, 214), (190, 193, 198), (216, 202, 170)))
    sprite = Sprite(pose, outline, metal)
    sprite.shade(0.95 + 0.35 * np.cos(9 * sprite.y + 4 * sprite.x))
    hole = soften(mirror([(-0.38, 0.1), (-0.3, 0.2), (-0.02, 0.2), (0.04, 0.1)]))
    sprite.fill(hole * 1.18 + (0.03, 0), (110, 112, 116))
    sprite.fill(ellipse(0.28, 0, 0.15, 0.16), (120, 122, 126))
    sprite.fill(ellipse(0.28, 0, 0.12, 0.13), (226, 228, 232))
    sprite.fill(ellipse(0.28, 0.01, 0.06, 0.06), (60, 60, 64))
    sprite.cut(hole)
    return sprite


def draw_straw(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a drinking straw with stripes and, mostly, a bend with folds."""
    turn = rng.uniform(0.4, 1.0) * rng.choice([-1, 1]) if rng.random() < 0.7 else 0.0
    path = bend(1.0, turn, at=0.66)
    width = rng.uniform(0.055, 0.07)
    colour = pick(rng, _STRAWS)
    striped = rng.random() < 0.5
    sprite = Sprite(pose, band(path, width), (250, 250, 250) if striped else colour)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    if striped:
        for start in np.arange(0, 1, 0.09):
            x, y = (np.interp([start, start + 0.045], along, axis) for axis in path.T)
            sprite.fill(band(np.column_stack([x, y]), 1.4 * width), colour)
    sprite.fill(band(path - (0, 0.25 * width), 0.28 * width), (255, 255, 255), 0.6)
    sprite.fill(band(path + (0, 0.38 * width), 0.22 * width), (20, 20, 30), 0.3)
    for share in (0.6, 0.64, 0.68, 0.72) if turn else ():
        x, y = (np.interp([share, share + 0.012], along, axis) for axis in path.T)
        sprite.fill(band(np.column_stack([x, y]), 1.4 * width), (40, 40, 50), 0.55)
    return sprite
