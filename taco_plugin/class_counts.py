"""Finds the numbers of classes in an MMDetection config, and replaces them."""

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from .errors import InputError

Config = MutableMapping[str, Any]

OBJECTS, THINGS, STUFF = 'num_classes', 'num_things_classes', 'num_stuff_classes'
"""Arguments that hold a number of classes."""

_OBJECTS = (
    *('BBoxHead', 'CoarseMaskHead', 'ConvFCBBoxHead', 'DIIHead', 'DoubleConvFCBBoxHead'),
    *('DynamicMaskHead', 'EQLV2Loss', 'FCNMaskHead', 'GlobalContextHead', 'HTCMaskHead'),
    *('MaskIoUHead', 'MultiInstanceBBoxHead', 'PISASSDHead', 'SCNetBBoxHead', 'SCNetMaskHead'),
    *('SeesawLoss', 'Shared2FCBBoxHead', 'Shared4Conv1FCBBoxHead', 'SSDHead', 'TacoEQLV2Loss'),
    'TacoSSDHead',
)
DEFAULTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(['Mask2FormerHead', 'MaskFormerHead', 'MaskFormerFusionHead'], (THINGS, STUFF)),
    **dict.fromkeys(_OBJECTS, (OBJECTS,)),
}
"""Modules that default to another data set's class count, and the arguments that set it."""


def walk(node: Any, path: str = '', seen: set[int] | None = None) -> Iterator[tuple[str, Config]]:  # noqa: ANN401
    """Yields each dict in nested dicts and lists once, outermost first, with its dotted key.

    >>> [path for path, _ in walk({'heads': [{'loss': {}}]}, 'model')]
    ['model', 'model.heads.0', 'model.heads.0.loss']
    """
    seen = set() if seen is None else seen
    if id(node) in seen or not isinstance(node, list | tuple | MutableMapping):
        return
    seen.add(id(node))
    if isinstance(node, MutableMapping):
        yield path, node
    items = node.items() if isinstance(node, MutableMapping) else enumerate(node)
    for key, value in list(items):
        yield from walk(value, f'{path}.{key}'.lstrip('.'), seen)


def type_name(node: Config) -> str:
    """Name of the class that ``node`` builds, without its scope; empty if it has no ``type``."""
    kind = node.get('type', '')
    return kind.split('.')[-1] if isinstance(kind, str) else getattr(kind, '__name__', '')


def set_class_counts(config: Config, num_classes: int) -> None:
    """Sets every number of object classes to ``num_classes``, and of stuff classes to 0, in place.

    Lists of class weights get as many entries as there are classes; a last entry for background is
    kept. Backbones and RPNs are left unchanged.

    Raises:
        InputError: If another setting with ``class`` in its name may be a number of classes too.
    """
    # Backbones count the classes of their pretraining, and RPNs objects only.
    others = re.compile(r'(backbone|rpn_head)(\.|$)')
    nodes = [(path, node) for path, node in walk(config) if not others.search(path)]
    new = {OBJECTS: num_classes, THINGS: num_classes, STUFF: 0}
    old = {node[key] for _, node in nodes for key in new if isinstance(node.get(key), int)}
    old |= {node[THINGS] + (node.get(STUFF) or 0) for _, node in nodes if node.get(THINGS)}
    old -= {0}
    for path, node in nodes:
        in_model = path.split('.')[0] == 'model'
        defaults = DEFAULTS.get(type_name(node), ()) if in_model else ()
        node.update({key: count for key, count in new.items() if key in (*node, *defaults)})
        for key, value in node.items():
            if key in new or not re.search('class|categor', str(key).lower()):
                continue
            where = f'{path}.{key}'.lstrip('.')
            if in_model and isinstance(value, list | tuple):
                node[key] = _resize(list(value), where, num_classes, old)
            elif isinstance(value, int) and not isinstance(value, bool):
                _check(value, where, num_classes, old)


def _resize(values: list, path: str, num_classes: int, old: set[int]) -> list:
    count = next((count for count in (len(values), len(values) - 1) if count in old), 0)
    if count in (0, num_classes):
        return values
    if 'class_weight' in path.split('.')[-1] and len(set(values[:count])) == 1:
        return values[:1] * num_classes + values[count:]
    raise InputError(
        f'{path}: these are {len(values)} entries, each of a class of another data set; remove '
        f'them before, or give the {num_classes} classes theirs afterwards'
    )


def _check(value: int, path: str, num_classes: int, old: set[int]) -> None:
    """Refuses a setting that may be a number of classes under another name."""
    key = path.split('.')[-1]
    is_count = 'num' in key and key != 'num_sample_class'  # of images per class
    if value != num_classes and 'weight' not in key and (is_count or value in old):
        raise InputError(
            f'{path}: {value} may be a number of classes, but it is not known whether of '
            f'objects; make it {num_classes}, or what fits, before'
        )
