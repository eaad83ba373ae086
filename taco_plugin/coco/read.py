"""Reads a COCO file and refuses what is not one."""

import math
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

from ..errors import InputError
from ..files import read_json

Coco = dict[str, Any]

_LARGEST = 2**53  # beyond it, JSON readers disagree on whole numbers


def _is_whole(value: object) -> TypeGuard[int]:
    return type(value) is int and -_LARGEST < value < _LARGEST


def is_number(value: object) -> TypeGuard[float]:
    """Whether a JSON value is a number (finite or not) that every JSON reader takes alike."""
    return type(value) is float or _is_whole(value)


def _is_size(value: object) -> bool:
    return _is_whole(value) and value > 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ''


def _is_box(value: object) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(is_number, value))


def _is_polygon(value: object) -> bool:
    if not isinstance(value, list):
        return False
    try:
        # Whether they are finite does not matter: this raises for what is no number, and is far
        # quicker than a look at each type (a file has a hundred coordinates per box).
        list(map(math.isfinite, value))
    except (TypeError, OverflowError):
        return False
    return True


def _is_segmentation(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_polygon, value))
    return value is None or isinstance(value, dict)


_Rule = tuple[Callable[[object], bool], str]
_ID: _Rule = (_is_whole, 'a whole number')
_TEXT: _Rule = (_is_text, 'a text that is not empty')
_SIZE: _Rule = (_is_size, 'a whole number above 0')
_FIELDS: dict[str, dict[str, _Rule]] = {
    'categories': {'id': _ID, 'name': _TEXT},
    'images': {'id': _ID, 'file_name': _TEXT, 'width': _SIZE, 'height': _SIZE},
    'annotations': {
        'id': _ID,
        'image_id': _ID,
        'category_id': _ID,
        'bbox': (_is_box, 'a list of 4 numbers'),
    },
}
_UNIQUE = [('categories', 'id'), ('categories', 'name'), ('images', 'id')]


def read_coco(path: str | Path) -> Coco:
    """Reads a COCO file and checks that it is one.

    Numbers that are not finite (``Infinity``, ``NaN``), annotation ids that occur twice and
    annotations of images that do not exist are accepted, for TACO's own files have them:
    :func:`clean_annotations` mends these. Fields beyond COCO's are kept.

    Args:
        path: A JSON file with ``images`` (id, file_name, width, height), ``annotations`` (id,
            image_id, category_id, bbox) and ``categories`` (id, name).

    Raises:
        InputError: If the file cannot be read or is not as described; names the entry.
    """
    coco = read_json(path)
    if not isinstance(coco, dict):
        raise InputError(f'{path}: not a COCO file: expected a JSON object at the top')
    for section, fields in _FIELDS.items():
        _check_section(path, coco, section, fields)
    for section, field in _UNIQUE:
        _check_unique(path, coco, section, field)
    _check_annotations(path, coco)
    return coco


def _check_section(path: str | Path, coco: Coco, section: str, fields: dict[str, _Rule]) -> None:
    entries = coco.get(section)
    if not isinstance(entries, list):
        found = 'has none' if section not in coco else f'has {reprlib.repr(entries)}'
        raise InputError(f'{path}: not a COCO file: expected a list {section!r}, the file {found}')
    for index, entry in enumerate(entries):
        where = f'{path}: {section}[{index}]'
        if not isinstance(entry, dict):
            raise InputError(f'{where} must be an object, not {reprlib.repr(entry)}')
        for field, (is_valid, allowed) in fields.items():
            if field not in entry:
                raise InputError(f'{where} has no {field!r}')
            if not is_valid(entry[field]):
                raise InputError(
                    f'{where}: {field!r} must be {allowed}, not {reprlib.repr(entry[field])}'
                )


def _check_unique(path: str | Path, coco: Coco, section: str, field: str) -> None:
    seen = set()
    for index, entry in enumerate(coco[section]):
        if entry[field] in seen:
            raise InputError(
                f'{path}: {section}[{index}]: the {field} {entry[field]!r} occurs twice'
            )
        seen.add(entry[field])


def _check_annotations(path: str | Path, coco: Coco) -> None:
    known = {category['id'] for category in coco['categories']}
    for index, annotation in enumerate(coco['annotations']):
        where = f'{path}: annotations[{index}] (id {annotation["id"]})'
        if annotation['category_id'] not in known:
            raise InputError(f'{where} has the unknown category_id {annotation["category_id"]}')
        if not _is_segmentation(annotation.get('segmentation')):
            raise InputError(f"{where}: 'segmentation' must be lists of numbers or an RLE object")
