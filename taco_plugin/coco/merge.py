"""Merges several COCO files into one."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from posixpath import normpath
from typing import Any, TypeVar

from .clean import Change, clean_annotations
from .read import ID, TEXT, Coco, check_section

Value = TypeVar('Value')

_SECTIONS = {
    'scene_categories': {'id': ID, 'name': TEXT},
    'licenses': {'id': ID},
    'scene_annotations': {},
}
"""Fields that entries of sections beyond COCO's must have, where a file has the section."""


@dataclass(frozen=True)
class Duplicate:
    """An image that was left out because an earlier file has it too.

    Args:
        kept: File name of the image that was kept instead.
        reason: ``'flickr_url'`` or ``'file_name'``, whichever both share.
        same_size: Whether both have the same width and height.
        annotations: Number of its annotations, which were left out too.
    """

    file_name: str
    kept: str
    reason: str
    same_size: bool
    annotations: int


@dataclass(frozen=True)
class MergedFile:
    """What one of the files contributed to the result.

    Args:
        images, annotations: How many it contributed.
        changes: What cleaning changed, see :func:`~.clean.clean_annotations`.
        duplicates: Images that were left out.
        new_categories: Names that no earlier file has.
        unknown_licenses: Number of images whose licence the file does not list.
        orphan_scenes: Number of scene annotations left out because their image or scene category
            is not in the file.
        sections_left_out: Names of sections that are not COCO's or TACO's.
    """

    name: str
    images: int
    annotations: int
    changes: tuple[Change, ...]
    duplicates: tuple[Duplicate, ...]
    new_categories: tuple[str, ...]
    unknown_licenses: int
    orphan_scenes: int
    sections_left_out: tuple[str, ...]


def merge_cocos(files: Sequence[tuple[str, Coco]]) -> tuple[Coco, list[MergedFile]]:
    """Cleans files and merges them into one.

    Images, annotations, categories and licences are renumbered from 1, in the order of the files.
    Categories and scene categories with the same name are merged, as are identical licences. A
    licence given as text, as in TACO's own files, or not at all, stays so. An image that an
    earlier file has too, by ``flickr_url`` or ``file_name``, is left out with its annotations. The
    input is not modified.

    Args:
        files: Name and content of each, as :func:`~.read.read_coco` returns it.

    Returns:
        The result, and what each file contributed to it.
    """
    merged: Coco = {
        'info': {'description': f'merged from {", ".join(name for name, _ in files)}'},
        **{section: [] for section in ('images', 'annotations', 'categories', 'licenses')},
        **{section: [] for section in ('scene_annotations', 'scene_categories')},
    }
    seen: dict[tuple[str, str], dict] = {}
    return merged, [_add_file(merged, name, coco, seen) for name, coco in files]


def _add_file(merged: Coco, name: str, coco: Coco, seen: dict[tuple[str, str], dict]) -> MergedFile:
    clean, changes = clean_annotations(coco)
    known = {category['name'] for category in merged['categories']}
    for section, fields in _SECTIONS.items():
        if coco.get(section) is not None:
            check_section(name, coco, section, fields)
    category_ids = _join(merged['categories'], clean['categories'], itemgetter('name'))
    scene_ids = _join(merged['scene_categories'], coco.get('scene_categories'), itemgetter('name'))
    licenses = _join(merged['licenses'], coco.get('licenses'), _content)
    counts = Counter(annotation['image_id'] for annotation in clean['annotations'])
    duplicates = _find_duplicates(clean['images'], seen, counts)
    added = [image for image in clean['images'] if image['id'] not in duplicates]
    for image in added:
        seen.update(dict.fromkeys(_keys(image), image))
    first = len(merged['images']) + 1
    image_ids = {image['id']: number for number, image in enumerate(added, start=first)}
    licensed = [_renumber_license(image, licenses) for image in added]
    merged['images'] += [{**image, 'id': image_ids[image['id']]} for image in licensed]
    for annotation in clean['annotations']:
        if annotation['image_id'] in image_ids:
            category_id = category_ids[annotation['category_id']]
            ids = {'image_id': image_ids[annotation['image_id']], 'category_id': category_id}
            merged['annotations'].append(
                {**annotation, 'id': len(merged['annotations']) + 1, **ids}
            )
    return MergedFile(
        name=name,
        images=len(image_ids),
        annotations=sum(counts[image_id] for image_id in image_ids),
        changes=tuple(changes),
        duplicates=tuple(duplicates.values()),
        new_categories=tuple(c['name'] for c in clean['categories'] if c['name'] not in known),
        unknown_licenses=sum(
            old.get('license') is not None and new['license'] is None
            for old, new in zip(added, licensed, strict=True)
        ),
        orphan_scenes=_add_scenes(
            merged, coco.get('scene_annotations'), image_ids, scene_ids, left_out=duplicates
        ),
        sections_left_out=tuple(sorted(set(coco) - set(merged))),
    )


def _find_duplicates(
    images: list[dict], seen: dict[tuple[str, str], dict], counts: Counter
) -> dict[Any, Duplicate]:
    """Ids of the images that earlier files have; ``counts`` are the annotations of each image."""
    duplicates = {}
    for image in images:
        shared = next((key for key in _keys(image) if key in seen), None)
        if shared is not None:
            kept = seen[shared]
            duplicates[image['id']] = Duplicate(
                file_name=image['file_name'],
                kept=kept['file_name'],
                reason=shared[0],
                same_size=all(image[side] == kept[side] for side in ('width', 'height')),
                annotations=counts[image['id']],
            )
    return duplicates


def _renumber_license(image: dict, licenses: Mapping[Any, int]) -> dict:
    """Refers to a merged licence; a text stays, and a number that no licence has becomes None."""
    number = image.get('license')
    if number is None or isinstance(number, str):
        return image
    return {**image, 'license': _look_up(licenses, number)}


def _keys(image: dict) -> Iterator[tuple[str, str]]:
    """Yields the keys of an image by which duplicates are found."""
    url = image.get('flickr_url')
    if isinstance(url, str) and url:
        yield 'flickr_url', url
    yield 'file_name', normpath(image['file_name'])


def _join(
    joined: list[dict], entries: list[dict] | None, key: Callable[[dict], str]
) -> dict[Any, int]:
    """Adds entries with new keys to ``joined``, numbered from 1; returns old id -> new id."""
    ids = {key(entry): entry['id'] for entry in joined}
    new_ids = {}
    for entry in entries or []:
        content = key(entry)
        if content not in ids:
            ids[content] = len(joined) + 1
            joined.append({**entry, 'id': ids[content]})
        new_ids[entry['id']] = ids[content]
    return new_ids


def _content(entry: dict) -> str:
    return json.dumps({**entry, 'id': None}, sort_keys=True)


def _add_scenes(
    merged: Coco,
    scenes: list[dict] | None,
    image_ids: dict[Any, int],
    category_ids: dict[Any, int],
    *,
    left_out: Mapping[Any, Duplicate],
) -> int:
    """Adds TACO's scene annotations; returns how many have an unknown image or category."""
    orphans = 0
    for scene in scenes or []:
        image_id = _look_up(image_ids, scene.get('image_id'))
        numbers = scene.get('background_ids')
        listed = numbers if isinstance(numbers, list) else [None]
        new_ids = [_look_up(category_ids, number) for number in listed]
        if image_id is not None and None not in new_ids:
            merged['scene_annotations'].append(
                {**scene, 'image_id': image_id, 'background_ids': new_ids}
            )
        elif _look_up(left_out, scene.get('image_id')) is None:
            orphans += 1
    return orphans


def _look_up(new_ids: Mapping[Any, Value], number: object) -> Value | None:
    # A value that is not a number may not be hashable.
    return new_ids.get(number) if isinstance(number, int | float) else None
