"""Reads and validates a COCO file, and indexes it for pycocotools."""

import contextlib
import io
import math
import reprlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from ..errors import InputError
from ..json_files import read_json

Coco = dict[str, Any]
Api = TypeVar('Api')

_LARGEST = 2**53  # beyond it, JSON readers disagree on whole numbers


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a JSON value is a whole number that all JSON readers read alike."""
    return type(value) is int and -_LARGEST < value < _LARGEST


def is_number(value: object) -> TypeGuard[float]:
    """Whether a JSON value is a number (finite or not) that all JSON readers read alike."""
    return type(value) is float or is_whole(value)


def _is_box(value: object) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(is_number, value))


def _is_segmentation(value: object) -> bool:
    if not isinstance(value, list):
        return True  # cleaning looks into it
    try:
        # Whether they are finite does not matter: this raises for anything but numbers, and is far
        # faster than checking each type (a file has a hundred coordinates per box).
        list(map(math.isfinite, chain.from_iterable(value)))
    except (TypeError, OverflowError):
        return False
    return all(isinstance(polygon, list) for polygon in value)


def _is_original(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    return _is_box(value.get('bbox')) and _is_segmentation(value.get('segmentation'))


_Rule = tuple[Callable[[object], bool], str]
ID: _Rule = (is_whole, 'a whole number')
TEXT: _Rule = (lambda value: isinstance(value, str) and value != '', 'a text that is not empty')
_SIZE: _Rule = (lambda value: is_whole(value) and value > 0, 'a whole number above 0')
_FIELDS: dict[str, dict[str, _Rule]] = {
    'categories': {'id': ID, 'name': TEXT},
    'images': {'id': ID, 'file_name': TEXT, 'width': _SIZE, 'height': _SIZE},
    'annotations': {
        **dict.fromkeys(('id', 'image_id', 'category_id'), ID),
        'bbox': (_is_box, 'a list of 4 numbers'),
    },
}
_OPTIONAL_FIELDS: dict[str, dict[str, _Rule]] = {
    'images': {'original_width': _SIZE, 'original_height': _SIZE, 'original_file_name': TEXT},
    'annotations': {
        'segmentation': (_is_segmentation, 'lists of numbers or an RLE object'),
        'original': (_is_original, 'an object with a bbox of 4 numbers'),
    },
}


def read_coco(path: str | Path) -> Coco:
    """Reads a COCO file and checks that it is one.

    Numbers that are not finite (``Infinity``, ``NaN``), annotation ids that occur twice and
    annotations of images that do not exist are accepted because TACO's own files have them, and so
    are segmentations of another type, as the boxes are of use; :func:`clean_annotations` repairs
    these. Fields beyond COCO's are kept; those of :func:`shrink_images` are checked.

    Args:
        path: A JSON file with ``images`` (id, file_name, width, height), ``annotations`` (id,
            image_id, category_id, bbox) and ``categories`` (id, name).

    Raises:
        InputError: If the file cannot be read or is not as described; the message names the entry.
    """
    coco = read_json(path)
    if not isinstance(coco, dict):
        raise InputError(f'{path}: not a COCO file: expected a JSON object at the top')
    for section, fields in _FIELDS.items():
        check_section(path, coco, section, fields)
    for message in _find_contradictions(coco):
        raise InputError(f'{path}: {message}')
    return coco


def index_coco(coco: Coco, api: type[Api]) -> Api:
    """Wraps ``coco`` in an instance of ``api``, pycocotools' or MMDetection's ``COCO``."""
    indexed = api()
    indexed.dataset = coco  # type: ignore[attr-defined]
    with contextlib.redirect_stdout(io.StringIO()):  # silences its progress messages
        indexed.createIndex()  # type: ignore[attr-defined]
    # MMDetection's names for pycocotools' indexes; its constructor sets them only for a file.
    indexed.img_ann_map = indexed.imgToAnns  # type: ignore[attr-defined]
    indexed.cat_img_map = indexed.catToImgs  # type: ignore[attr-defined]
    return indexed


def check_section(path: str | Path, coco: Coco, section: str, fields: dict[str, _Rule]) -> None:
    """Raises an InputError unless a section is a list of objects with these fields."""
    entries = coco.get(section)
    if not isinstance(entries, list):
        found = 'has none' if section not in coco else f'has {reprlib.repr(entries)}'
        raise InputError(f'{path}: not a COCO file: expected a list {section!r}, the file {found}')
    for index, entry in enumerate(entries):
        where = f'{path}: {section}[{index}]'
        if not isinstance(entry, dict):
            raise InputError(f'{where} must be an object, not {reprlib.repr(entry)}')
        if missing := next((field for field in fields if field not in entry), None):
            raise InputError(f'{where} has no {missing!r}')
        for field, (is_valid, allowed) in {**fields, **_OPTIONAL_FIELDS.get(section, {})}.items():
            if field in entry and not is_valid(entry[field]):
                raise InputError(
                    f'{where}: {field!r} must be {allowed}, not {reprlib.repr(entry[field])}'
                )


def _find_contradictions(coco: Coco) -> Iterator[str]:
    for section, field in (('categories', 'id'), ('categories', 'name'), ('images', 'id')):
        seen = set()
        for index, entry in enumerate(coco[section]):
            if entry[field] in seen:
                yield f'{section}[{index}]: the {field} {entry[field]!r} occurs twice'
            seen.add(entry[field])
    known = {category['id'] for category in coco['categories']}
    for index, annotation in enumerate(coco['annotations']):
        if (number := annotation['category_id']) not in known:
            where = f'annotations[{index}] (id {annotation["id"]})'
            yield f'{where} has the unknown category_id {number}'
    for index, image in enumerate(coco['images']):
        if ('original_width' in image) != ('original_height' in image):
            yield f'images[{index}] has only one of original_width and original_height'
