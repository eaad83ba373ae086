"""Joins the lists of a COCO file that name things: categories and licences."""

import json
import reprlib
from typing import Any

from ..errors import InputError


def join_named(joined: list[dict], entries: Any) -> dict[Any, int]:  # noqa: ANN401
    """Adds to ``joined`` the entries whose names it lacks, numbered on from 1.

    Args:
        joined: Categories so far; is changed.
        entries: Those of another file; None, as good as an empty list, if it has none.

    Returns:
        The new id of each old one.

    Raises:
        InputError: If the entries are not objects with ``id`` and ``name``.

    >>> joined = [{'id': 1, 'name': 'Can'}]
    >>> join_named(joined, [{'id': 0, 'name': 'Cup'}, {'id': 7, 'name': 'Can'}])
    {0: 2, 7: 1}
    """
    ids = {entry['name']: entry['id'] for entry in joined}
    new_ids = {}
    for entry in _check_list(entries):
        name, old = entry.get('name'), entry.get('id')
        if not isinstance(name, str) or not isinstance(old, int):
            raise InputError(f'a category must have an id and a name, not {reprlib.repr(entry)}')
        if name not in ids:
            ids[name] = len(joined) + 1
            joined.append({**entry, 'id': ids[name]})
        new_ids[old] = ids[name]
    return new_ids


def join_licenses(joined: list[dict], entries: Any) -> dict[Any, int]:  # noqa: ANN401
    """Adds to ``joined`` the licences that it lacks, numbered on from 1.

    Args:
        joined: Licences so far; is changed.
        entries: Those of another file; None, as good as an empty list, if it has none.

    Returns:
        The new id of each old one.

    Raises:
        InputError: If the entries are not objects with a number as ``id``.

    >>> joined = [{'id': 1, 'name': 'CC BY'}]
    >>> join_licenses(joined, [{'id': 4, 'name': 'CC BY'}, {'id': 5, 'name': 'ODbL'}])
    {4: 1, 5: 2}
    """
    ids = {_content(entry): entry['id'] for entry in joined}
    new_ids = {}
    for entry in _check_list(entries):
        if not isinstance(entry.get('id'), int):
            raise InputError(f'a licence must have a number as id, not {reprlib.repr(entry)}')
        content = _content(entry)
        if content not in ids:
            ids[content] = len(joined) + 1
            joined.append({**entry, 'id': ids[content]})
        new_ids[entry['id']] = ids[content]
    return new_ids


def _content(entry: dict) -> str:
    return json.dumps({**entry, 'id': None}, sort_keys=True)


def _check_list(entries: Any) -> list[dict]:  # noqa: ANN401
    if entries is None:
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f'expected a list of objects, not {reprlib.repr(entries)}')
    return entries


def add_scenes(
    scenes: list[dict],
    entries: Any,  # noqa: ANN401
    image_ids: dict[int, int],
    category_ids: dict[Any, int],
) -> int:
    """Adds TACO's scene annotations to ``scenes``, with new ids.

    Args:
        scenes: Those so far; is changed.
        entries: Those of another file; None, as good as an empty list, if it has none.
        image_ids: New id of each old one of the images that are kept.
        category_ids: New id of each old one of the scene categories.

    Returns:
        How many entries were left out, as they name no such image or no such category.
    """
    left_out = 0
    for entry in _check_list(entries):
        image_id, scene_ids = entry.get('image_id'), entry.get('background_ids')
        if _is_known(image_id, image_ids) and _are_known(scene_ids, category_ids):
            new_ids = [category_ids[number] for number in entry['background_ids']]
            new_image = image_ids[entry['image_id']]
            scenes.append({**entry, 'image_id': new_image, 'background_ids': new_ids})
        else:
            left_out += 1
    return left_out


def _is_known(number: object, new_ids: dict[Any, int]) -> bool:
    return isinstance(number, int) and number in new_ids


def _are_known(numbers: object, new_ids: dict[Any, int]) -> bool:
    return isinstance(numbers, list) and all(_is_known(number, new_ids) for number in numbers)
