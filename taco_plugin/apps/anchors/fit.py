"""Fits anchors to boxes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import differential_evolution

from .boxes import Boxes
from .detector import Detector, build_generator
from .grid import best_ious
from .space import ScaleSpace, SSDSpace

GENERATIONS = 60
IOU_RANGE = (0.3, 0.7)
_MOST_BOXES = 2000  # more hardly change the result, and each takes its time


def fit_anchors(
    boxes: Boxes, detector: Detector, seed: int, on_generation: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Settings of the anchor generator that meet boxes best.

    Differential evolution maximises :func:`mean_recall`. (K-means would find shapes one by one, of
    boxes alone; here the levels of a detector share theirs, and positions count.) The number of
    anchors of each position stays, and with it the shapes of the detector's weights.

    Args:
        boxes: At least one, at the size of the detector's input.
        detector: What is fitted.
        seed: The same seed and boxes give the same settings.
        on_generation: Is called up to :data:`GENERATIONS` times.

    Returns:
        The changed settings.
    """
    generator = build_generator(detector.settings)
    space: ScaleSpace | SSDSpace
    if detector.settings['type'] == 'SSDAnchorGenerator':
        last = float(generator.base_sizes[-1] * generator.scales[-1][1] ** 2)
        sizes = [*generator.base_sizes, last]
        space = SSDSpace(detector.settings, sizes, max(detector.input_size.scale))
    else:
        space = ScaleSpace(detector.settings)
    some = _draw(boxes, seed)

    def loss(point: np.ndarray) -> float:
        generator = build_generator({**detector.settings, **space.make(point)})
        return -mean_recall(best_ious(some, generator))

    def report(intermediate_result: object) -> None:  # returning true would end the search
        on_generation()

    low, high = np.transpose(space.bounds)
    found = differential_evolution(
        loss,
        space.bounds,
        maxiter=GENERATIONS,
        popsize=8,
        tol=1e-3,
        rng=seed,
        x0=space.start.clip(low, high),
        polish=False,  # rounded settings have no gradient
        callback=report,
    )
    return space.make(found.x)


def mean_recall(ious: np.ndarray) -> float:
    """The share of boxes that an anchor meets, averaged over the IoUs that it takes.

    That is over 0.3, less than which no assigner learns from if it has a choice, to 0.7, the most
    that one asks for.

    Args:
        ious: Of each box with its best anchor, shape (N,).

    >>> round(mean_recall(np.array([0.2, 0.5, 0.9])), 3)
    0.5
    """
    least, most = IOU_RANGE
    return float(((ious - least) / (most - least)).clip(0, 1).mean())


def _draw(boxes: Boxes, seed: int) -> Boxes:
    if len(boxes.xyxy) <= _MOST_BOXES:
        return boxes
    chosen = np.random.default_rng(seed).choice(len(boxes.xyxy), _MOST_BOXES, replace=False)
    return Boxes(boxes.xyxy[chosen], boxes.image_sizes[chosen], boxes.images)
