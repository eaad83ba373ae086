"""Class weights from the number of boxes of each class."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ...coco import class_statistics, inverse_density, load_for_taxonomy
from ...errors import InputError
from ...taxonomies import load_taxonomy

SCALES = ('sum', 'mean', 'boxes', None)
"""What weights are scaled to: sum 1, mean 1 over the classes, mean 1 over the boxes, or nothing."""


@dataclass(frozen=True)
class ClassWeights:
    """Weights in the order of the labels.

    Args:
        weights: One for each class, finite and >= 0.
        classes: Names of the classes, or None if they were not given.
    """

    weights: tuple[float, ...]
    classes: tuple[str, ...] | None = None


def sqrt_inverse(counts: Sequence[int]) -> list[float]:
    """Square root of :func:`inverse_density`."""
    return [math.sqrt(density) for density in inverse_density(counts)]


def effective_number(counts: Sequence[int], beta: float = 0.999) -> list[float]:
    """``(1 - beta) / (1 - beta**n)``, the inverse of the effective number of boxes.

    Eq. 2 of `Class-Balanced Loss <https://arxiv.org/abs/1901.05555>`_. A class without boxes, for
    which that is infinite, weighs as much as one with a single box: 1.

    Args:
        counts: Boxes of each class.
        beta: In [0, 1); 0 weighs all classes alike, 1 would be the inverse frequency.
    """
    if not 0 <= beta < 1:
        raise InputError(f'beta must be in [0, 1), but is {beta}')
    return [(1 - beta) / (1 - beta ** max(count, 1)) for count in counts]


def hard(counts: Sequence[int], frequent: int = 2, frequent_weight: float = 0.5) -> list[float]:
    """1 for every class but the most frequent ones.

    Args:
        counts: Boxes of each class; of equally frequent classes, the first counts as more so.
        frequent: How many classes get ``frequent_weight``.
        frequent_weight: What they get, >= 0.
    """
    if frequent not in range(len(counts) + 1):
        raise InputError(f'frequent must be in 0..{len(counts)}, but is {frequent}')
    if not 0 <= frequent_weight < math.inf:
        raise InputError(f'frequent_weight must be finite and >= 0, but is {frequent_weight}')
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
    counts: Sequence[int],
    scheme: str,
    scale: str | None,
    **options: float,
) -> tuple[float, ...]:
    """Weights of classes by how frequent they are.

    Args:
        counts: Number of boxes of each class.
        scheme: A key of :data:`SCHEMES`.
        scale: One of :data:`SCALES`. ``'boxes'`` keeps the size of the loss, whatever the scheme:
            the weights of all boxes have the mean 1.
        options: ``beta`` of ``effective_number``; ``frequent`` and ``frequent_weight`` of
            ``hard``.

    Raises:
        InputError: If there is no such scheme, scale or option, or nothing to scale by.

    >>> weigh_classes([6, 2], 'inverse_density', scale='sum')
    (0.3, 0.7)
    """
    if scheme not in list(SCHEMES):
        raise InputError(f'no scheme {scheme!r} of class weights; there are {", ".join(SCHEMES)}')
    allowed = list(inspect.signature(SCHEMES[scheme]).parameters)[1:]
    unknown = [name for name in options if name not in allowed]
    if unknown:
        raise InputError(
            f'{scheme} has no option {", ".join(unknown)}; it has {", ".join(allowed) or "none"}'
        )
    for name, value in options.items():
        if not isinstance(value, Real):
            raise InputError(f'{name} must be a number, but is {value!r}')
    return _scale(SCHEMES[scheme](counts, **options), counts, scale)


def _scale(weights: Sequence[float], counts: Sequence[int], scale: str | None) -> tuple[float, ...]:
    if scale not in SCALES:
        raise InputError(f'no scale {scale!r} of class weights; there are {SCALES}')
    if scale == 'boxes':
        weighed = sum(weight * count for weight, count in zip(weights, counts, strict=True))
        total, target = weighed, sum(counts)
    else:
        total, target = sum(weights), len(weights) if scale == 'mean' else 1
    if scale is not None and total == 0:
        raise InputError(f'the class weights cannot be scaled by {scale!r}: their total is 0')
    factor = 1 if scale is None else target / total
    return tuple(weight * factor for weight in weights)


def read_class_weights(given: Sequence[float] | Mapping[str, Any]) -> ClassWeights:
    """Class weights as a config states them.

    Args:
        given: One of

            - a list, in the order of the labels;
            - ``dict(taxonomy=..., weights={name: weight, ...})``, 1 for a class that is not named;
            - ``dict(taxonomy=..., ann_file=..., scheme=..., scale=..., **options)``, see
              :func:`weigh_classes`: counted in a prepared file, or in TACO's own.

    Raises:
        InputError: If it is something else, a weight is negative or not a number, there is no
            such file, or its classes are not the taxonomy's.

    >>> read_class_weights(dict(taxonomy='taco1', weights=dict(Litter=3)))
    ClassWeights(weights=(3.0,), classes=('Litter',))
    """
    if not isinstance(given, Mapping):
        return ClassWeights(_checked(given))
    form = {'taxonomy', 'weights'} if 'weights' in given else {'taxonomy', 'ann_file', 'scheme'}
    missing = sorted((form if 'weights' in given else form | {'scale'}) - set(given))
    if missing:
        raise InputError(f'class_weights lacks {", ".join(missing)}: {dict(given)}')
    classes = load_taxonomy(given['taxonomy']).classes
    options = {key: value for key, value in given.items() if key not in form}
    if 'weights' in given:
        if options:
            raise InputError(f'class_weights with weights has no {", ".join(options)}')
        return ClassWeights(_by_name(given['weights'], classes), classes)
    coco, _ = load_for_taxonomy(given['ann_file'], load_taxonomy(given['taxonomy']))
    counts = [statistics.boxes for statistics in class_statistics(coco).classes]
    return ClassWeights(_checked(weigh_classes(counts, given['scheme'], **options)), classes)


def _by_name(weights: Mapping[str, float], classes: tuple[str, ...]) -> tuple[float, ...]:
    if not isinstance(weights, Mapping):
        raise InputError(f'weights of a taxonomy must map names to numbers, but are {weights!r}')
    unknown = [name for name in weights if name not in classes]
    if unknown:
        raise InputError(
            f'class_weights names {", ".join(map(repr, unknown))}; the classes are '
            f'{", ".join(map(repr, classes))}'
        )
    return _checked([weights.get(name, 1) for name in classes])


def _checked(weights: Sequence[float]) -> tuple[float, ...]:
    if isinstance(weights, str) or not isinstance(weights, Sequence):
        raise InputError(f'class_weights must be a list or a mapping, but is {weights!r}')
    for weight in weights:
        is_number = isinstance(weight, Real) and not isinstance(weight, bool)
        if not is_number or not 0 <= weight < math.inf:
            raise InputError(f'class_weights must be finite numbers >= 0, but has {weight!r}')
    return tuple(map(float, weights))
