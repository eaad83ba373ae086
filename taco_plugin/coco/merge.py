"""Makes one COCO file of several."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import normpath
from typing import Any

from ..errors import InputError
from .clean import Change, clean_annotations
from .merge_sections import add_scenes, join_licenses, join_named
from .read import Coco

_SECTIONS = frozenset(
    ['info', 'images', 'annotations', 'categories', 'licenses']
    + ['scene_annotations', 'scene_categories']
)


@dataclass(frozen=True)
class Duplicate:
    """An image that a file before has as well, and that was therefore left out.

    Args:
        file_name: As in its own file.
        kept: File name of the image that stands for it.
        reason: ``'flickr_url'`` or ``'file_name'``, whichever both share.
        same_size: Whether both have the same width and height.
        annotations: Number of its annotations, left out with it.
    """

    file_name: str
    kept: str
    reason: str
    same_size: bool
    annotations: int


@dataclass(frozen=True)
class MergedFile:
    """What one of the files brought.

    Args:
        name: Of the file.
        images: Number of images it brought to the result.
        annotations: Number of annotations it brought.
        changes: What cleaning changed, see :func:`~.clean.clean_annotations`.
        duplicates: Images that were left out.
        new_categories: Names that no file before it has.
        unknown_licenses: Number of images whose licence the file does not list.
        orphan_scenes: Number of scene annotations left out, as they name no image or scene
            category of the file.
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
    """Cleans files and makes one of them.

    Images, annotations, categories and licences are numbered anew, from 1, in the order of the
    files. Categories and scene categories of one name become one; licences of one content as well.
    Licences that are texts, as in TACO's own files, stay, and so do images without any. An image
    that a file before has too, by ``flickr_url`` or ``file_name``, is left out with its
    annotations. The input is not modified.

    Args:
        files: Name and content of each, as :func:`~.read.read_coco` returns it.

    Returns:
        The result, and what each file brought to it.

    Example:
        >>> can = {'id': 0, 'name': 'Drink can'}
        >>> image = {'id': 0, 'file_name': 'a.jpg', 'width': 9, 'height': 9}
        >>> box = {'id': 5, 'image_id': 0, 'category_id': 0, 'bbox': [1, 1, 2, 2]}
        >>> one = {'images': [image], 'annotations': [box], 'categories': [can]}
        >>> other = {**one, 'images': [{**image, 'file_name': 'b.jpg'}]}
        >>> merged, _ = merge_cocos([('one.json', one), ('other.json', other)])
        >>> [(a['id'], a['image_id'], a['category_id']) for a in merged['annotations']]
        [(1, 1, 1), (2, 2, 1)]
    """
    merged: Coco = {
        'info': {'description': f'merged from {", ".join(name for name, _ in files)}'},
        'images': [],
        'annotations': [],
        'categories': [],
        'licenses': [],
        'scene_annotations': [],
        'scene_categories': [],
    }
    seen: dict[tuple[str, str], dict] = {}
    reports = [_add_file(merged, name, coco, seen) for name, coco in files]
    return merged, reports


def _add_file(merged: Coco, name: str, coco: Coco, seen: dict[tuple[str, str], dict]) -> MergedFile:
    clean, changes = clean_annotations(coco)
    try:
        known = {category['name'] for category in merged['categories']}
        category_ids = join_named(merged['categories'], clean['categories'])
        scene_ids = join_named(merged['scene_categories'], coco.get('scene_categories'))
        licenses = join_licenses(merged['licenses'], coco.get('licenses'))
        twins = _find_twins(clean['images'], seen)
        image_ids, unknown = _add_images(merged, clean['images'], set(twins), licenses)
        scenes = _scenes_of(coco, twins)
        orphans = add_scenes(merged['scene_annotations'], scenes, image_ids, scene_ids)
    except InputError as error:
        raise InputError(f'{name}: {error}') from None
    counts = _add_annotations(merged, clean['annotations'], image_ids, category_ids)
    for image in clean['images']:
        if image['id'] in image_ids:
            seen.update(dict.fromkeys(_keys(image), image))
    return MergedFile(
        name,
        len(image_ids),
        sum(counts[image_id] for image_id in image_ids),
        tuple(changes),
        tuple(_describe(*twins[image_id], counts[image_id]) for image_id in twins),
        tuple(c['name'] for c in clean['categories'] if c['name'] not in known),
        unknown,
        orphans,
        tuple(sorted(set(coco) - _SECTIONS)),
    )


def _keys(image: dict) -> Iterator[tuple[str, str]]:
    """What no two photographs share."""
    url = image.get('flickr_url')
    if isinstance(url, str) and url:
        yield 'flickr_url', url
    yield 'file_name', normpath(image['file_name'])


_Twin = tuple[dict, dict, str]  # an image, the one that stands for it, what they share


def _find_twins(images: list[dict], seen: dict[tuple[str, str], dict]) -> dict[int, _Twin]:
    twins = {}
    for image in images:
        shared = next((key for key in _keys(image) if key in seen), None)
        if shared is not None:
            twins[image['id']] = image, seen[shared], shared[0]
    return twins


def _scenes_of(coco: Coco, twins: dict[int, _Twin]) -> Any:  # noqa: ANN401
    """The file's scene annotations without those of images that are left out."""
    scenes = coco.get('scene_annotations')
    if not isinstance(scenes, list) or not twins:
        return scenes
    return [s for s in scenes if not (isinstance(s, dict) and _id_of(s) in twins)]


def _id_of(scene: dict) -> int | None:
    return scene['image_id'] if isinstance(scene.get('image_id'), int) else None


def _describe(image: dict, kept: dict, reason: str, annotations: int) -> Duplicate:
    same_size = all(image[side] == kept[side] for side in ('width', 'height'))
    return Duplicate(image['file_name'], kept['file_name'], reason, same_size, annotations)


def _add_images(
    merged: Coco, images: list[dict], twins: set[int], licenses: dict[Any, int]
) -> tuple[dict[int, int], int]:
    """New id of each image that is kept, and how many of them have an unknown licence."""
    image_ids: dict[int, int] = {}
    unknown = 0
    for image in images:
        if image['id'] in twins:
            continue
        image_ids[image['id']] = number = len(merged['images']) + 1
        license_id = image.get('license')
        if isinstance(license_id, int | float | list | dict):
            is_known = isinstance(license_id, int | float) and license_id in licenses
            image = {**image, 'license': licenses[license_id] if is_known else None}
            unknown += not is_known
        merged['images'].append({**image, 'id': number})
    return image_ids, unknown


def _add_annotations(
    merged: Coco, annotations: list[dict], image_ids: dict[int, int], category_ids: dict[int, int]
) -> dict[int, int]:
    """Number of annotations of each image of the file."""
    for annotation in annotations:
        if annotation['image_id'] in image_ids:
            ids = {
                'id': len(merged['annotations']) + 1,
                'image_id': image_ids[annotation['image_id']],
                'category_id': category_ids[annotation['category_id']],
            }
            merged['annotations'].append({**annotation, **ids})
    return Counter(annotation['image_id'] for annotation in annotations)
