"""What lies about and is not litter: stones, leaves and twigs. It gets no annotation."""

import numpy as np

from .containers import pick
from .shapes import band, blob, mirror, soften
from .sprite import Patch, Pose, Sprite, random_pose

_STONES = ((128, 124, 118), (156, 148, 136), (104, 98, 94), (176, 160, 138))
_LEAVES = ((150, 92, 36), (186, 128, 40), (116, 74, 34), (98, 116, 44), (168, 70, 34))
_TWIGS = ((96, 70, 46), (74, 54, 36), (128, 100, 70))

#: Ground -> (smallest and largest number, then odds of stone, leaf, twig).
_SCATTER = {
    'asphalt': (0, 10, (0.5, 0.35, 0.15)),
    'grass': (0, 9, (0.25, 0.5, 0.25)),
    'sand': (1, 14, (0.7, 0.1, 0.2)),
    'soil': (14, 34, (0.2, 0.6, 0.2)),
    'tiles': (0, 8, (0.25, 0.5, 0.25)),
    'water': (0, 5, (0.0, 0.7, 0.3)),
}


def draw_stone(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a pebble, lit from above."""
    sprite = Sprite(pose, blob(rng, 0.45, rng.uniform(0.28, 0.42), 0.16), pick(rng, _STONES))
    sprite.crumple(rng, 0.3, 0.2)
    sprite.round_off(0.5, dark=0.5)
    return sprite


def draw_leaf(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a dry leaf with its veins."""
    width = rng.uniform(0.16, 0.27)
    half = [(-0.5, 0.012), (-0.36, 0.012), (-0.3, 0.5 * width), (-0.05, width), (0.25, 0.6 * width)]
    sprite = Sprite(pose, soften(mirror([*half, (0.5, 0.004)])), pick(rng, _LEAVES))
    sprite.crumple(rng, 0.3, 0.2)
    vein = (70, 48, 24)
    sprite.fill(band([(-0.5, 0), (0.0, 0), (0.46, 0)], 0.025), vein, 0.7)
    for x in (-0.22, -0.06, 0.1):
        for side in (-1, 1):
            sprite.fill(band([(x, 0), (x + 0.14, side * width * 0.8)], 0.014), vein, 0.5)
    return sprite


def draw_twig(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a crooked twig that gets thinner to its end."""
    x = np.linspace(-0.5, 0.5, 7)
    path = np.column_stack([x, np.cumsum(rng.normal(0, 0.03, 7))])
    sprite = Sprite(pose, band(path, np.linspace(0.06, 0.03, 7)), pick(rng, _TWIGS))
    sprite.shade(1 - 6 * (sprite.y - np.interp(sprite.x, x, path[:, 1]).astype(np.float32)))
    return sprite


def draw_distractors(rng: np.random.Generator, ground: str, scale: float) -> list[Patch]:
    """Draws what lies on a ground, each thing around (0, 0)."""
    low, high, odds = _SCATTER[ground]
    kinds = rng.choice(3, rng.integers(low, high + 1), p=odds)
    patches = []
    for kind in kinds:
        draw, shortest, longest = ((draw_stone, 8, 30), (draw_leaf, 22, 52), (draw_twig, 30, 90))[
            kind
        ]
        length = rng.uniform(shortest, longest) * scale
        patches.append(draw(random_pose(rng, length), rng).finish())
    return patches
