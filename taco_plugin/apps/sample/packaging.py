"""Bags, packets and cardboard."""

import numpy as np

from .containers import pick
from .shapes import band, box, ellipse, jitter, soften
from .sprite import Colour, Pose, Sprite

_BAGS: tuple[Colour, ...] = ((240, 242, 246), (236, 240, 250), (150, 200, 236), (250, 190, 205))
_PRINTS: tuple[Colour, ...] = ((210, 40, 40), (30, 110, 60), (30, 60, 160))
_PACKETS: tuple[Colour, ...] = (
    (225, 30, 35),
    (250, 190, 20),
    (20, 120, 200),
    (40, 150, 60),
    (235, 95, 20),
    (150, 30, 120),
)


def draw_carrier_bag(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a crumpled carrier bag with its two handles."""
    left = [(0.5, 0.3), (0.22, 0.36), (-0.1, 0.38), (-0.45, 0.36), (-0.5, 0.2), (-0.46, 0.0)]
    right = [(-0.5, -0.2), (-0.45, -0.36), (-0.1, -0.37), (0.22, -0.36), (0.5, -0.3)]
    notch = [(0.5, -0.17), (0.26, -0.15), (0.17, 0.0), (0.26, 0.15), (0.5, 0.17)]
    outline = soften(jitter(rng, np.array([*left, *right, *notch]), 0.022))
    sprite = Sprite(pose, outline, pick(rng, _BAGS), alpha=0.93)
    ink = pick(rng, _PRINTS)
    if rng.random() < 0.7:
        sprite.fill(jitter(rng, box(-0.3, -0.2, -0.05, 0.2), 0.02), ink, 0.8)
        sprite.fill(jitter(rng, ellipse(-0.17, 0, 0.08, 0.11), 0.004), (250, 250, 250), 0.9)
    for side in (-1, 1):
        sprite.fill(
            band([(0.5, 0.235 * side), (0.2, 0.2 * side), (0, 0.3 * side)], 0.014),
            (90, 95, 110),
            0.4,
        )
    sprite.crumple(rng, 0.35, 0.26)
    sprite.crumple(rng, 0.14, 0.14)
    return sprite


def draw_crisp_packet(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a crisp packet: crimped ends, a bright print and a shiny, creased belly."""
    teeth = np.linspace(-0.33, 0.33, 23)
    zigzag = np.where(np.arange(23) % 2, 0.5, 0.475)
    end = np.column_stack([zigzag, teeth])
    side = [(0.25, 0.35), (0.0, 0.335), (-0.25, 0.35)]
    outline = np.concatenate([end, side, -end, -np.array(side)])
    colour = pick(rng, _PACKETS)
    sprite = Sprite(pose, outline, colour)
    sprite.fill(box(-0.42, -0.4, -0.2, 0.4), pick(rng, _PACKETS))
    sprite.fill(ellipse(0.08, 0, 0.22, 0.22), (255, 240, 190))
    sprite.fill(band([(0.08, -0.17), (0.08, 0.17)], 0.11), pick(rng, _PACKETS))
    for x, y in ((-0.31, -0.12), (-0.29, 0.02), (-0.33, 0.15)):
        sprite.fill(ellipse(x, y, 0.06, 0.08), (245, 205, 90))
    sprite.crumple(rng, 0.25, 0.5)
    sprite.round_off(0.37, dark=0.65)
    for x in (-0.5, 0.42):
        sprite.fill(box(x, -0.4, x + 0.08, 0.4), (205, 207, 212))
        for y in np.arange(-0.33, 0.33, 0.045):
            sprite.fill(box(x, y, x + 0.08, y + 0.018), (130, 132, 138))
    return sprite


def draw_carton(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws an open corrugated box from above with its four flaps."""
    cardboard = np.array(pick(rng, ((196, 150, 98), (182, 136, 86), (205, 164, 114))))
    wide, high = 0.3, rng.uniform(0.2, 0.28)
    reach = rng.uniform(0.12, 0.2, 4)
    inner = box(-wide, -high, wide, high)
    flaps = _flaps(inner, reach)
    outline = np.concatenate([[inner[side], *flaps[side][1:3]] for side in range(4)])
    sprite = Sprite(pose, outline, tuple(cardboard))
    for flap, light in zip(flaps, (1.08, 0.98, 0.86, 1.02), strict=True):
        sprite.fill(flap, tuple(np.minimum(cardboard * light, 255)))
    sprite.shade(1 + 0.05 * np.sin(110 * sprite.y))
    sprite.fill(inner, tuple(cardboard * 0.62))
    sprite.fill(
        np.array([(-wide, -high), (wide, -high), (0.7 * wide, 0), (-0.7 * wide, 0)]),
        tuple(cardboard * 0.42),
    )
    sprite.fill(box(-0.7 * wide, -0.6 * high, 0.7 * wide, 0.8 * high), tuple(cardboard * 0.72))
    sprite.fill(box(-0.02, -0.6 * high, 0.02, 0.8 * high), tuple(cardboard * 0.5))
    edge = np.concatenate([inner, inner[:1]])
    for first, second in zip(edge, edge[1:], strict=False):
        sprite.fill(band([first, second], 0.014), tuple(np.minimum(cardboard * 1.25, 255)))
    return sprite


def _flaps(inner: np.ndarray, reach: np.ndarray) -> list[np.ndarray]:
    """Returns a trapezium outside each side of a rectangle, from corner to corner."""
    flaps = []
    for side, length in enumerate(reach):
        first, second = inner[side], inner[(side + 1) % 4]
        out = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)][side]) * length
        inset = 0.08 * (second - first)
        flaps.append(np.array([first, first + out + inset, second + out - inset, second]))
    return flaps
