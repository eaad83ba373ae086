"""Which litter lies in which image, on which ground, so that the totals come out exactly."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from . import settings


@dataclass(frozen=True)
class ScenePlan:
    """What an image shows.

    Args:
        ground: A key of ``settings.GROUNDS``.
        litter: TACO category of each object.
    """

    ground: str
    litter: list[str]


def plan_scenes(num_images: int, rng: np.random.Generator) -> list[ScenePlan]:
    """Deals categories and grounds out to images.

    The totals are those of ``settings``, in proportion to the number of images. A rare category
    is spread over the images, so that a random split has some of it in every part.
    """
    total = sum(kind.boxes for kind in settings.LITTER.values())
    num_objects = round(total * num_images / settings.NUM_IMAGES)
    weights = {name: kind.boxes for name, kind in settings.LITTER.items()}
    names = _expand(share_out(num_objects, weights), rng)
    grounds = {name: share for name, (share, _) in settings.GROUNDS.items()}
    ground_of_image = _expand(share_out(num_images, grounds), rng)
    sizes = _sizes(num_images, num_objects, rng)
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return [
        ScenePlan(ground, names[start:end])
        for ground, start, end in zip(ground_of_image, starts, starts[1:], strict=False)
    ]


def share_out(total: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Splits a total in proportion to weights (largest remainder method).

    Example:
        >>> share_out(10, {'a': 2, 'b': 1, 'c': 1})
        {'a': 5, 'b': 3, 'c': 2}
    """
    scale = total / sum(weights.values())
    counts = {name: int(weight * scale) for name, weight in weights.items()}
    by_remainder = sorted(weights, key=lambda name: counts[name] - weights[name] * scale)
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _expand(counts: Mapping[str, int], rng: np.random.Generator) -> list[str]:
    names = [name for name, count in counts.items() for _ in range(count)]
    return [names[index] for index in rng.permutation(len(names))]


def _sizes(num_images: int, num_objects: int, rng: np.random.Generator) -> list[int]:
    """Draws objects per image; single steps up or down then make the total exact."""
    most = max(settings.OBJECTS_PER_IMAGE)
    shares = np.array(list(settings.OBJECTS_PER_IMAGE.values()))
    sizes = rng.choice(list(settings.OBJECTS_PER_IMAGE), num_images, p=shares / shares.sum())
    while sizes.sum() != num_objects:
        step = int(np.sign(num_objects - sizes.sum()))
        index = rng.integers(num_images)
        if 1 <= sizes[index] + step <= most:
            sizes[index] += step
    return sizes.tolist()
