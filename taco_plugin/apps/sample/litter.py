"""Which function draws which of TACO's categories."""

from collections.abc import Callable

import numpy as np

from .containers import draw_can, draw_glass_bottle, draw_paper_cup, draw_plastic_bottle
from .packaging import draw_carrier_bag, draw_carton, draw_crisp_packet
from .small_items import draw_bottle_cap, draw_cigarette, draw_lid, draw_pop_tab, draw_straw
from .sprite import Patch, Pose, Sprite, random_pose

DRAWINGS: dict[str, Callable[[Pose, np.random.Generator], Sprite]] = {
    'Cigarette': draw_cigarette,
    'Clear plastic bottle': draw_plastic_bottle,
    'Corrugated carton': draw_carton,
    'Crisp packet': draw_crisp_packet,
    'Drink can': draw_can,
    'Glass bottle': draw_glass_bottle,
    'Paper cup': draw_paper_cup,
    'Plastic bottle cap': draw_bottle_cap,
    'Plastic lid': draw_lid,
    'Plastic straw': draw_straw,
    'Pop tab': draw_pop_tab,
    'Single-use carrier bag': draw_carrier_bag,
}


def draw_litter(name: str, rng: np.random.Generator, length: float) -> Patch:
    """Draws one object in a random pose around (0, 0).

    Args:
        name: A key of ``DRAWINGS``.
        rng: Source of randomness.
        length: Length along the object's axis in pixels.
    """
    return DRAWINGS[name](random_pose(rng, length), rng).finish()
