"""Bottles, cans and cups, seen from the side."""

import numpy as np

from .shapes import Points, band, box, ellipse, mirror, soften
from .sprite import Colour, Pose, Sprite

_WHITE = (248, 248, 246)
_SILVER = (190, 193, 197)
_BRANDS: tuple[Colour, ...] = (
    (205, 24, 30),
    (22, 62, 165),
    (20, 130, 60),
    (240, 130, 20),
    (105, 35, 130),
    (30, 30, 34),
)
_GLASS: tuple[Colour, ...] = ((98, 52, 16), (30, 92, 40), (70, 38, 14), (22, 72, 50))


def pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """Draws one colour and varies it a little."""
    colour = np.array(colours[rng.integers(len(colours))]) + rng.normal(0, 10) + rng.normal(0, 4, 3)
    red, green, blue = np.clip(colour, 0, 255).tolist()
    return red, green, blue


def draw_can(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a lying drink can with its lid turned a little to the viewer."""
    profile = [(-0.5, 0.2), (-0.46, 0.245), (-0.4, 0.28), (0.37, 0.28), (0.44, 0.22)]
    dent = rng.uniform(0, 0.07) * rng.integers(2)
    outline = mirror(profile)
    outline = np.insert(outline, 3, [(-0.12, 0.28), (0.0, 0.28 - dent), (0.12, 0.28)], axis=0)
    lid = ellipse(0.44, 0, 0.06, 0.22)
    right = lid[(lid[:, 0] > 0.44)]
    right = right[np.argsort(-right[:, 1])]
    outline = np.insert(outline, 8, right, axis=0)
    sprite = Sprite(pose, outline, pick(rng, _BRANDS))
    _print_can(sprite, rng)
    sprite.fill(box(-0.52, -0.3, -0.42, 0.3), _SILVER)
    sprite.fill(box(0.36, -0.3, 0.52, 0.3), _SILVER)
    sprite.round_off(0.28)
    sprite.fill(lid, (222, 224, 228))
    sprite.fill(ellipse(0.445, 0, 0.045, 0.175), (165, 168, 173))
    sprite.fill(ellipse(0.45, -0.07, 0.022, 0.07), (25, 25, 28))
    return sprite


def _print_can(sprite: Sprite, rng: np.random.Generator) -> None:
    x = np.linspace(-0.42, 0.37, 15)
    wave = np.column_stack([x, rng.uniform(-0.05, 0.05) + 0.06 * np.sin(8 * x)])
    sprite.fill(band(wave, 0.11), _WHITE)
    if rng.random() < 0.6:
        sprite.fill(ellipse(rng.uniform(-0.15, 0.1), 0, 0.13, 0.13), pick(rng, _BRANDS))


def _bottle_outline(neck: float, shoulder: float, radius: float, throat: float) -> Points:
    """Returns a bottle whose mouth is at x = 0.5."""
    body = [(-0.5, radius * 0.8), (-0.47, radius), (shoulder - 0.08, radius), (shoulder, radius)]
    taper = [((shoulder + neck) / 2, (radius + throat) / 1.9), (neck, throat), (0.5, throat)]
    return mirror([*body, *taper])


def draw_plastic_bottle(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a clear bottle with a label, ribs and, mostly, its screw cap."""
    radius = rng.uniform(0.13, 0.16)
    outline = _bottle_outline(0.36, 0.12, radius, 0.055)
    sprite = Sprite(pose, outline, (196, 218, 230), alpha=0.62)
    for x in np.arange(-0.44, -0.24, 0.055):
        sprite.fill(box(x, -radius, x + 0.016, radius), (120, 150, 170), 0.6)
    sprite.round_off(radius, dark=0.62)
    _stick_label(sprite, rng, (-0.2, 0.1), radius)
    sprite.fill(box(-0.47, -0.6 * radius, 0.3, -0.38 * radius), (255, 255, 255), 0.75)
    sprite.fill(box(-0.47, 0.86 * radius, 0.12, radius), (110, 140, 160), 0.6)
    if rng.random() < 0.75:
        sprite.fill(box(0.4, -0.1, 0.51, 0.1), pick(rng, _BRANDS))
        sprite.fill(box(0.385, -0.1, 0.4, 0.1), (240, 240, 240))
    return sprite


def _stick_label(
    sprite: Sprite, rng: np.random.Generator, span: tuple[float, float], radius: float
) -> None:
    start, end = span
    middle = (start + end) / 2
    sprite.fill(box(start, -radius, end, radius), pick(rng, _BRANDS))
    sprite.fill(box(start + 0.02, -radius, start + 0.04, radius), _WHITE)
    sprite.fill(ellipse(middle, 0, 0.09, 0.6 * radius), _WHITE, 0.95)
    sprite.fill(ellipse(middle, 0, 0.06, 0.36 * radius), pick(rng, _BRANDS))


def draw_glass_bottle(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a dark glass bottle with a long neck and a paper label."""
    radius = rng.uniform(0.115, 0.14)
    glass = pick(rng, _GLASS)
    sprite = Sprite(pose, _bottle_outline(0.2, 0.0, radius, 0.045), glass, alpha=0.92)
    sprite.round_off(radius, dark=0.4)
    sprite.fill(box(-0.38, -radius, -0.1, radius), (228, 218, 188))
    sprite.fill(soften(box(-0.34, -0.6 * radius, -0.14, 0.6 * radius)), pick(rng, _BRANDS))
    sprite.fill(box(-0.3, -0.12 * radius, -0.18, 0.12 * radius), (235, 215, 120))
    sprite.fill(box(0.455, -0.1, 0.475, 0.1), (20, 18, 14), 0.8)
    shine = band(
        [(-0.47, -0.55 * radius), (0.0, -0.55 * radius), (0.2, -0.02), (0.46, -0.02)], 0.018
    )
    sprite.fill(shine, (255, 255, 250), 0.7)
    return sprite


def draw_paper_cup(pose: Pose, rng: np.random.Generator) -> Sprite:
    """Draws a lying paper cup that shows its open mouth."""
    mouth = ellipse(0.36, 0, 0.14, 0.36)
    right = mouth[mouth[:, 0] > 0.36]
    right = right[np.argsort(-right[:, 1])]
    wall = np.array([(-0.48, 0.2), (0.36, 0.36)])
    outline = np.concatenate([wall, right, wall[::-1] * (1, -1), [(-0.5, -0.1), (-0.5, 0.1)]])
    sprite = Sprite(pose, outline, _WHITE)
    _print_cup(sprite, rng)
    sprite.round_off(0.37, dark=0.6)
    sprite.fill(mouth, (252, 250, 244))
    sprite.fill(ellipse(0.365, 0, 0.115, 0.325), (132, 120, 104))
    sprite.fill(ellipse(0.335, 0.02, 0.085, 0.27), (86, 70, 54))
    return sprite


def _print_cup(sprite: Sprite, rng: np.random.Generator) -> None:
    if rng.random() < 0.6:
        sprite.fill(box(-0.36, -0.4, 0.14, 0.4), pick(rng, ((150, 105, 60), (120, 80, 45))))
        sprite.fill(ellipse(-0.1, 0, 0.12, 0.12), _WHITE)
        sprite.fill(ellipse(-0.1, 0, 0.08, 0.08), (20, 100, 60))
        return
    colour = pick(rng, _BRANDS)
    for x in (-0.36, -0.18, 0.0):
        sprite.fill(box(x, -0.4, x + 0.09, 0.4), colour)
