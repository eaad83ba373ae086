"""What the sample is made of: how much of what lies in which image, on which ground."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from . import containers, ground, small_items
from .ground import Field
from .sprite import Sprite

NUM_IMAGES = 240
"""Images that are drawn by default."""

IMAGE_SIZE = 256
"""Width and height of an image in pixels."""


@dataclass(frozen=True)
class Litter:
    """A category: its boxes in ``NUM_IMAGES`` images, its length in pixels, and what draws it."""

    boxes: int
    length: float
    draw: Callable[[np.random.Generator, float], Sprite]


LITTER = {
    'Cigarette': Litter(280, 46, small_items.draw_cigarette),
    'Clear plastic bottle': Litter(70, 112, containers.draw_plastic_bottle),
    'Plastic bottle cap': Litter(70, 32, small_items.draw_bottle_cap),
    'Single-use carrier bag': Litter(60, 112, containers.draw_carrier_bag),
    'Corrugated carton': Litter(50, 98, containers.draw_carton),
    'Crisp packet': Litter(48, 84, containers.draw_crisp_packet),
    'Drink can': Litter(44, 76, containers.draw_can),
    'Paper cup': Litter(36, 84, containers.draw_paper_cup),
    'Plastic straw': Litter(32, 110, small_items.draw_straw),
    'Plastic lid': Litter(29, 66, containers.draw_lid),
    'Glass bottle': Litter(28, 112, containers.draw_glass_bottle),
    'Pop tab': Litter(28, 44, small_items.draw_pop_tab),
}
"""By TACO's category; imbalanced like TACO: 10 to 1, and 3.2 per image."""

OBJECTS_PER_IMAGE = (0.02, 0.15, 0.22, 0.235, 0.17, 0.105, 0.055, 0.03, 0.015)
"""Share of the images with 0, 1, 2, ... objects; their mean is that of ``LITTER``."""


@dataclass(frozen=True)
class Ground:
    """A ground and what lies on it that is not litter.

    Args:
        share: Of the images.
        draw: Draws a square of a size in pixels.
        scenes: Ids of TACO's scene categories.
        distractors: Their least and largest number.
        stones: Share of stones among them; the others are leaves.
    """

    share: float
    draw: Callable[[np.random.Generator, int], Field]
    scenes: tuple[int, ...]
    distractors: tuple[int, int]
    stones: float


GROUNDS = {
    'grass': Ground(0.22, ground.draw_grass, (5,), (0, 6), 0.3),
    'asphalt': Ground(0.22, ground.draw_asphalt, (2,), (0, 7), 0.6),
    'sand': Ground(0.18, ground.draw_sand, (3,), (1, 9), 0.8),
    'tiles': Ground(0.16, ground.draw_tiles, (2,), (0, 5), 0.3),
    'soil': Ground(0.14, ground.draw_soil, (3, 5), (9, 22), 0.3),
    'water': Ground(0.08, ground.draw_water, (6,), (0, 3), 0.0),
}


def plan_scenes(num_images: int, rng: np.random.Generator) -> list[tuple[str, list[str]]]:
    """Deals grounds and categories out to images.

    The totals are those above, in proportion to the number of images. A rare category is spread
    over the images, so that a random split has some of it in every part.

    Returns:
        Ground and TACO's category of each object, for each image.
    """
    boxes = {name: kind.boxes for name, kind in LITTER.items()}
    num_objects = round(sum(boxes.values()) * num_images / NUM_IMAGES)
    names = _deal(num_objects, boxes, rng)
    grounds = _deal(num_images, {name: ground.share for name, ground in GROUNDS.items()}, rng)
    sizes = rng.choice(len(OBJECTS_PER_IMAGE), num_images, p=OBJECTS_PER_IMAGE)
    while sizes.sum() != num_objects:  # single steps up or down make the total exact
        step = int(np.sign(num_objects - sizes.sum()))
        index = rng.integers(num_images)
        if 1 <= sizes[index] + step < len(OBJECTS_PER_IMAGE):
            sizes[index] += step
    ends = np.cumsum(sizes).tolist()
    return [
        (ground, names[end - size : end])
        for ground, size, end in zip(grounds, sizes.tolist(), ends, strict=True)
    ]


def _deal(total: int, weights: Mapping[str, float], rng: np.random.Generator) -> list[str]:
    """Names in proportion to their weights (largest remainder method), shuffled."""
    shares = np.array(list(weights.values())) * total / sum(weights.values())
    counts = shares.astype(int)
    by_remainder = np.argsort(counts - shares, kind='stable')
    counts[by_remainder[: total - counts.sum()]] += 1
    order = rng.permutation(np.repeat(range(len(counts)), counts))
    return [list(weights)[index] for index in order]
