"""Large litter: bottles, cans, cups, lids, bags, packets and cardboard."""

import numpy as np

from .sprite import Points, Sprite, band, box, ellipse, mirror, pick, soften

_WHITE = (248, 248, 246)
_BRANDS = ((205, 24, 30), (22, 62, 165), (20, 130, 60), (240, 130, 20), (105, 35, 130))
_PACKETS = ((225, 30, 35), (250, 190, 20), (20, 120, 200), (40, 150, 60), (235, 95, 20))


def _end(x: float, rx: float, ry: float) -> Points:
    """A quarter of an ellipse round (x, 0), which closes a profile on its right."""
    angle = np.linspace(np.pi / 2, 0, 10)
    return np.column_stack([x + rx * np.cos(angle), ry * np.sin(angle)])


def draw_can(rng: np.random.Generator, length: float) -> Sprite:
    """A lying drink can with its lid turned a little to the viewer, sometimes dented."""
    dent = rng.uniform(0, 0.05) * rng.integers(2)
    side = [(-0.5, 0.2), (-0.46, 0.245), (-0.4, 0.28), (0, 0.28 - dent), (0.37, 0.28)]
    outline = mirror([*side, *_end(0.44, 0.06, 0.22)])
    can = Sprite(rng, length, outline, colour=pick(rng, _BRANDS))
    x = np.linspace(-0.42, 0.37, 15)
    wave = np.column_stack([x, rng.uniform(-0.05, 0.05) + 0.06 * np.sin(8 * x)])
    can.fill(band(wave, 0.11), _WHITE)
    if rng.random() < 0.6:
        can.fill(ellipse(rng.uniform(-0.15, 0.1), 0, 0.13, 0.13), pick(rng, _BRANDS))
    can.fill(box(-0.52, -0.3, -0.42, 0.3), (190, 193, 197))
    can.fill(box(0.36, -0.3, 0.52, 0.3), (190, 193, 197))
    can.round_off(0.28)
    can.fill(ellipse(0.44, 0, 0.06, 0.22), (222, 224, 228))
    can.fill(ellipse(0.445, 0, 0.045, 0.175), (165, 168, 173))
    can.fill(ellipse(0.45, -0.07, 0.022, 0.07), (25, 25, 28))
    return can


def _bottle(neck: float, shoulder: float, radius: float, throat: float) -> Points:
    """The outline of a bottle whose mouth is at x = 0.5."""
    body = [(-0.5, radius * 0.8), (-0.47, radius), (shoulder, radius)]
    taper = [((shoulder + neck) / 2, (radius + throat) / 1.9), (neck, throat), (0.5, throat)]
    return mirror([*body, *taper])


def draw_plastic_bottle(rng: np.random.Generator, length: float) -> Sprite:
    """A clear bottle with a label, ribs and, mostly, its screw cap."""
    r = rng.uniform(0.13, 0.16)
    outline = _bottle(neck=0.36, shoulder=0.12, radius=r, throat=0.055)
    bottle = Sprite(rng, length, outline, colour=(196, 218, 230), alpha=0.62)
    for x in np.arange(-0.44, -0.24, 0.055):
        bottle.fill(box(x, -r, x + 0.016, r), (120, 150, 170), 0.6)
    bottle.round_off(r, dark=0.62)
    bottle.fill(box(-0.2, -r, 0.1, r), pick(rng, _BRANDS))
    bottle.fill(box(-0.18, -r, -0.16, r), _WHITE)
    bottle.fill(ellipse(-0.05, 0, 0.09, 0.6 * r), _WHITE, 0.95)
    bottle.fill(ellipse(-0.05, 0, 0.06, 0.36 * r), pick(rng, _BRANDS))
    bottle.fill(box(-0.47, -0.6 * r, 0.3, -0.38 * r), (255, 255, 255), 0.75)
    bottle.fill(box(-0.47, 0.86 * r, 0.12, r), (110, 140, 160), 0.6)
    if rng.random() < 0.75:
        bottle.fill(box(0.4, -0.1, 0.51, 0.1), pick(rng, _BRANDS))
        bottle.fill(box(0.385, -0.1, 0.4, 0.1), (240, 240, 240))
    return bottle


def draw_glass_bottle(rng: np.random.Generator, length: float) -> Sprite:
    """A dark glass bottle with a long neck and a paper label."""
    r = rng.uniform(0.115, 0.14)
    outline = _bottle(neck=0.2, shoulder=0.0, radius=r, throat=0.045)
    glass = pick(rng, ((98, 52, 16), (30, 92, 40), (70, 38, 14), (22, 72, 50)))
    bottle = Sprite(rng, length, outline, colour=glass, alpha=0.92)
    bottle.round_off(r, dark=0.4)
    bottle.fill(box(-0.38, -r, -0.1, r), (228, 218, 188))
    bottle.fill(soften(box(-0.34, -0.6 * r, -0.14, 0.6 * r)), pick(rng, _BRANDS))
    bottle.fill(box(0.455, -0.1, 0.475, 0.1), (20, 18, 14), 0.8)
    shine = [(-0.47, -0.55 * r), (0.0, -0.55 * r), (0.2, -0.02), (0.46, -0.02)]
    bottle.fill(band(shine, 0.018), (255, 255, 250), 0.7)
    return bottle


def draw_paper_cup(rng: np.random.Generator, length: float) -> Sprite:
    """A lying paper cup that shows its open mouth, with a sleeve or stripes."""
    outline = mirror([(-0.5, 0.1), (-0.48, 0.2), *_end(0.36, 0.14, 0.36)])
    cup = Sprite(rng, length, outline, colour=_WHITE)
    if rng.random() < 0.6:
        cup.fill(box(-0.36, -0.4, 0.14, 0.4), pick(rng, ((150, 105, 60), (120, 80, 45))))
        cup.fill(ellipse(-0.1, 0, 0.12, 0.12), _WHITE)
        cup.fill(ellipse(-0.1, 0, 0.08, 0.08), (20, 100, 60))
    else:
        colour = pick(rng, _BRANDS)
        for x in (-0.36, -0.18, 0.0):
            cup.fill(box(x, -0.4, x + 0.09, 0.4), colour)
    cup.round_off(0.37, dark=0.6)
    cup.fill(ellipse(0.36, 0, 0.14, 0.36), (252, 250, 244))
    cup.fill(ellipse(0.365, 0, 0.115, 0.325), (132, 120, 104))
    cup.fill(ellipse(0.335, 0.02, 0.085, 0.27), (86, 70, 54))
    return cup


def draw_lid(rng: np.random.Generator, length: float) -> Sprite:
    """The lid of a cup: rings, a raised rim and a cross."""
    colour = pick(rng, ((246, 246, 244), (236, 238, 240), (30, 28, 28)))
    dark, light = colour * 0.66, np.minimum(colour * 1.1 + 26, 255)
    lid = Sprite(rng, length, ellipse(0, 0, 0.5, 0.5, corners=64), colour=colour)
    for r, ring in ((0.46, dark), (0.435, light), (0.37, colour), (0.34, dark), (0.31, colour)):
        lid.fill(ellipse(0, 0, r, r), ring)
    lid.fill(box(-0.13, -0.018, 0.13, 0.018), (60, 60, 62))
    lid.fill(box(-0.018, -0.13, 0.018, 0.13), (60, 60, 62))
    arc = np.linspace(3.4, 4.5, 9)
    shine = band(0.4 * np.column_stack([np.cos(arc), np.sin(arc)]), 0.035)
    lid.fill(shine, (255, 255, 255), 0.8)
    lid.shade(1 - 0.12 * (lid.x + lid.y))
    return lid


def draw_carrier_bag(rng: np.random.Generator, length: float) -> Sprite:
    """A crumpled carrier bag with its two handles."""
    left = [(0.5, 0.3), (0.22, 0.36), (-0.1, 0.38), (-0.45, 0.36), (-0.5, 0.2), (-0.46, 0.0)]
    right = [(-0.5, -0.2), (-0.45, -0.36), (-0.1, -0.37), (0.22, -0.36), (0.5, -0.3)]
    notch = [(0.5, -0.17), (0.26, -0.15), (0.17, 0.0), (0.26, 0.15), (0.5, 0.17)]
    outline = np.array([*left, *right, *notch])
    outline = soften(outline + rng.normal(0, 0.022, outline.shape))
    film = pick(rng, ((240, 242, 246), (236, 240, 250), (150, 200, 236), (250, 190, 205)))
    bag = Sprite(rng, length, outline, colour=film, alpha=0.93)
    if rng.random() < 0.7:
        ink = pick(rng, ((210, 40, 40), (30, 110, 60), (30, 60, 160)))
        bag.fill(box(-0.3, -0.2, -0.05, 0.2) + rng.normal(0, 0.02, (4, 2)), ink, 0.8)
        bag.fill(ellipse(-0.17, 0, 0.08, 0.11), (250, 250, 250), 0.9)
    bag.crumple(0.35, 0.26)
    bag.crumple(0.14, 0.14)
    return bag


def draw_crisp_packet(rng: np.random.Generator, length: float) -> Sprite:
    """A crisp packet: crimped ends, a bright print and a shiny, creased belly."""
    zigzag = np.where(np.arange(23) % 2, 0.5, 0.475)
    end = np.column_stack([zigzag, np.linspace(-0.33, 0.33, 23)])
    side = np.array([(0.25, 0.35), (0.0, 0.335), (-0.25, 0.35)])
    outline = np.concatenate([end, side, -end, -side])
    packet = Sprite(rng, length, outline, colour=pick(rng, _PACKETS))
    packet.fill(box(-0.42, -0.4, -0.2, 0.4), pick(rng, _PACKETS))
    packet.fill(ellipse(0.08, 0, 0.22, 0.22), (255, 240, 190))
    packet.fill(box(0.025, -0.17, 0.135, 0.17), pick(rng, _PACKETS))
    for x, y in ((-0.31, -0.12), (-0.29, 0.02), (-0.33, 0.15)):
        packet.fill(ellipse(x, y, 0.06, 0.08), (245, 205, 90))
    packet.crumple(0.25, 0.5)
    packet.round_off(0.37, dark=0.65)
    for x in (-0.5, 0.42):
        packet.fill(box(x, -0.4, x + 0.08, 0.4), (205, 207, 212))
        for y in np.arange(-0.33, 0.33, 0.045):
            packet.fill(box(x, y, x + 0.08, y + 0.018), (130, 132, 138))
    return packet


def draw_carton(rng: np.random.Generator, length: float) -> Sprite:
    """An open corrugated box from above with its four flaps."""
    board = pick(rng, ((196, 150, 98), (182, 136, 86), (205, 164, 114)))
    wide, high = 0.3, rng.uniform(0.2, 0.28)
    inner = box(-wide, -high, wide, high)
    flaps = []
    outward = ((0, -1), (1, 0), (0, 1), (-1, 0))
    for first, second, out in zip(inner, np.roll(inner, -1, axis=0), outward, strict=True):
        reach, inset = np.array(out) * rng.uniform(0.12, 0.2), 0.08 * (second - first)
        flaps.append(np.array([first, first + reach + inset, second + reach - inset, second]))
    outline = np.concatenate([flap[:3] for flap in flaps])
    carton = Sprite(rng, length, outline, colour=board)
    for flap, light in zip(flaps, (1.08, 0.98, 0.86, 1.02), strict=True):
        carton.fill(flap, np.minimum(board * light, 255))
    carton.shade(1 + 0.05 * np.sin(110 * carton.y))
    carton.fill(inner, board * 0.62)
    carton.fill(box(-wide, -high, wide, 0), board * 0.42)
    carton.fill(box(-0.7 * wide, -0.6 * high, 0.7 * wide, 0.8 * high), board * 0.72)
    carton.fill(box(-0.02, -0.6 * high, 0.02, 0.8 * high), board * 0.5)
    for flap in flaps:
        carton.fill(band([flap[0], flap[3]], 0.014), np.minimum(board * 1.25, 255))
    return carton
