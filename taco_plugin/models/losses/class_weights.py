"""Class weights from the number of boxes of each class."""

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

from ...coco import class_statistics, inverse_density, load_for_taxonomy
from ...errors import InputError
from ...options import checked
from ...taxonomies import load_taxonomy

SCALES = ('sum', 'mean', 'boxes', None)
"""How weights are scaled: to sum 1, to mean 1 over the classes or the boxes, or not at all."""


class ClassWeights(NamedTuple):
    """Weights in label order, finite and >= 0, and the class names, if a taxonomy was given."""

    weights: tuple[float, ...]
    classes: tuple[str, ...] | None = None


def sqrt_inverse(counts: Sequence[int]) -> list[float]:
    """Square root of :func:`inverse_density`."""
    return [math.sqrt(density) for density in inverse_density(counts)]


def effective_number(counts: Sequence[int], beta: float = 0.999) -> list[float]:
    """``(1 - beta) / (1 - beta**n)``, the inverse of the effective number of boxes.

    Eq. 2 of `Class-Balanced Loss <https://arxiv.org/abs/1901.05555>`_. A class without boxes, for
    which this is infinite, gets the weight of one with a single box: 1. ``beta`` is in [0, 1).
    """
    check_below_one('beta', beta)
    return [(1 - beta) / (1 - beta ** max(count, 1)) for count in counts]


def hard(counts: Sequence[int], frequent: int = 2, frequent_weight: float = 0.5) -> list[float]:
    """1 for every class but the most frequent ones, which get ``frequent_weight``, >= 0.

    Of equally frequent classes, the first counts as the more frequent.
    """
    if frequent not in range(len(counts) + 1):
        raise InputError(f'frequent must be in 0..{len(counts)}, but is {frequent}')
    check_not_negative('frequent_weight', frequent_weight)
    order = sorted(range(len(counts)), key=lambda label: -counts[label])
    weights = dict.fromkeys(order[:frequent], float(frequent_weight))
    return [weights.get(label, 1.0) for label in range(len(counts))]


SCHEMES: dict[str, Callable[..., list[float]]] = {
    'inverse_density': inverse_density,
    'sqrt_inverse': sqrt_inverse,
    'effective_number': effective_number,
    'hard': hard,
}


def weigh_classes(
    counts: Sequence[int], scheme: str, scale: str | None, **options: float
) -> tuple[float, ...]:
    """Computes class weights from class frequencies.

    Args:
        counts: Number of boxes of each class.
        scheme: A key of :data:`SCHEMES`.
        scale: One of :data:`SCALES`. ``'boxes'`` keeps the size of the loss, whatever the scheme.
        options: Arguments of the scheme's function.

    Raises:
        InputError: If there is no such scheme, scale or option, or the weights sum to 0.

    >>> weigh_classes([6, 2], 'inverse_density', scale='sum')
    (0.3, 0.7)
    """
    if scheme not in list(SCHEMES):
        raise InputError(f'no scheme {scheme!r} of class weights; there are {", ".join(SCHEMES)}')
    if scale not in SCALES:
        raise InputError(f'no scale {scale!r} of class weights; there are {SCALES}')
    weights = checked(SCHEMES[scheme], scheme)(counts, **options)
    if scale is None:
        return tuple(weights)
    boxes = counts if scale == 'boxes' else [1] * len(counts)
    total = sum(weight * number for weight, number in zip(weights, boxes, strict=True))
    if total == 0:
        raise InputError(f'the class weights cannot be scaled by {scale!r}: their total is 0')
    target = {'sum': 1, 'mean': len(counts), 'boxes': sum(counts)}[scale]
    return tuple(weight * (target / total) for weight in weights)


def read_class_weights(given: Sequence[float] | Mapping[str, Any]) -> ClassWeights:
    """Reads class weights as given in a config.

    Args:
        given: One of

            - a list, in the order of the labels;
            - ``dict(taxonomy=..., weights={name: weight, ...})``, 1 for a class that is not named;
            - ``dict(taxonomy=..., ann_file=..., scheme=..., scale=..., **options)``, see
              :func:`weigh_classes`; boxes are counted in a prepared file, or in TACO's own.

    Raises:
        InputError: If it is something else, a weight is negative or not a number, there is no
            such file, or its classes are not the taxonomy's.

    >>> read_class_weights(dict(taxonomy='taco1', weights=dict(Litter=3)))
    ClassWeights(weights=(3.0,), classes=('Litter',))
    """
    if not isinstance(given, Mapping):
        return ClassWeights(_checked(given))
    form = _read_named if 'weights' in given else _count_boxes
    return checked(form, 'class_weights')(**given)


def _read_named(*, taxonomy: str, weights: Mapping[str, float]) -> ClassWeights:
    classes = load_taxonomy(taxonomy).classes
    if unknown := [name for name in weights if name not in classes]:
        raise InputError(
            f'class_weights names {", ".join(map(repr, unknown))}; the classes are '
            f'{", ".join(map(repr, classes))}'
        )
    return ClassWeights(_checked([weights.get(name, 1) for name in classes]), classes)


def _count_boxes(
    *, taxonomy: str, ann_file: str, scheme: str, scale: str | None, **options: float
) -> ClassWeights:
    loaded = load_taxonomy(taxonomy)
    coco, _ = load_for_taxonomy(ann_file, loaded)
    counts = [statistics.boxes for statistics in class_statistics(coco).classes]
    if not any(counts):
        raise InputError(f'{ann_file}: has no boxes by which to weigh the classes')
    return ClassWeights(weigh_classes(counts, scheme, scale, **options), loaded.classes)


def _checked(weights: Sequence[float]) -> tuple[float, ...]:
    if isinstance(weights, str) or not isinstance(weights, Sequence):
        raise InputError(f'class_weights must be a list or a mapping, but is {weights!r}')
    for weight in weights:
        is_number = isinstance(weight, Real) and not isinstance(weight, bool)
        if not is_number or not 0 <= weight < math.inf:
            raise InputError(f'class_weights must be finite numbers >= 0, but has {weight!r}')
    return tuple(map(float, weights))


def check_not_negative(name: str, value: float) -> None:
    """Raises an InputError unless an argument is finite and >= 0."""
    if not 0 <= value < math.inf:
        raise InputError(f'{name} must be finite and >= 0, but is {value}')


def check_below_one(name: str, value: float) -> None:
    """Raises an InputError unless an argument is in [0, 1)."""
    if not 0 <= value < 1:
        raise InputError(f'{name} must be in [0, 1), but is {value}')


def check_number(number: int, num_classes: int) -> None:
    """Raises an InputError unless there is one weight for each class."""
    if number != num_classes:
        raise InputError(
            f'class_weights must hold one weight for each of the {num_classes} classes, '
            f'without background, but holds {number}'
        )
