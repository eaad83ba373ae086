"""Scales a COCO file to photographs of limited size, and back to the originals."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InputError
from .clean import clip_box
from .read import Coco

_IMAGE_FIELDS = 'width', 'height', 'file_name'


def shrunk_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Scales width and height to at most ``max_side``, keeping their ratio up to rounding.

    >>> shrunk_size(4000, 3001, 1280)
    (1280, 960)
    """
    factor = min(1, max_side / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def shrink_images(coco: Coco, max_side: int) -> Coco:
    """Scales images, boxes, masks and areas; the input is not modified.

    Width and height are scaled separately, each to whole pixels, so that a box at the edge of a
    photograph stays at the edge. An image that is scaled gets ``original_width`` and
    ``original_height``. If it was not a JPEG, its name changes to ``.jpg``, and the old one is kept
    as ``original_file_name``. Its annotations get ``original``, which holds the old ``bbox``,
    ``area`` and ``segmentation``. :func:`restore_originals` reads these.

    Args:
        coco: Clean, as :func:`clean_annotations` returns it. If it was scaled before, its first
            originals are kept.
        max_side: Upper limit of the longer side, in pixels.

    Raises:
        InputError: If two images would get the same name, or a run-length mask is broken.
    """
    pairs = {image['id']: (image, _shrink_image(image, max_side)) for image in coco['images']}
    sources: dict[str, str] = {}
    for old, new in pairs.values():
        source = sources.setdefault(new['file_name'], old['file_name'])
        if source != old['file_name']:
            raise InputError(
                f'{source!r} and {old["file_name"]!r} would both become {new["file_name"]!r}; '
                'rename one of them'
            )
    annotations = [_shrink(entry, *pairs[entry['image_id']]) for entry in coco['annotations']]
    return {**coco, 'images': [new for _, new in pairs.values()], 'annotations': annotations}


def restore_originals(coco: Coco) -> Coco:
    """Undoes :func:`shrink_images`; the input is not modified.

    An annotation that was added to a scaled image later, and has no ``original``, is scaled.
    ``info.original_image_folder`` becomes ``info.image_folder``.
    """
    images = {image['id']: image for image in coco['images']}
    restored = {
        **coco,
        'images': [_restore_fields(image, _IMAGE_FIELDS) for image in coco['images']],
        'annotations': [_restore(a, images.get(a['image_id'], {})) for a in coco['annotations']],
    }
    if isinstance(coco.get('info'), dict):
        restored['info'] = _restore_fields(coco['info'], ['image_folder'])
    return restored


def resize_mask(rle: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """Scales a run-length encoded mask by nearest-neighbour interpolation.

    Args:
        rle: COCO's, compressed or not; the result is compressed, with ``counts`` as a string.
        size: New width and height in pixels.

    Raises:
        ValueError: If the mask is broken.

    >>> resize_mask({'size': [1, 2], 'counts': [1, 1]}, (4, 2))
    {'size': [2, 4], 'counts': '44'}
    """
    import cv2
    import numpy as np
    from pycocotools import mask

    try:
        if isinstance(rle['counts'], list):
            rle = mask.frPyObjects(rle, *rle['size'])
        bitmap = mask.decode(rle)
        resized = cv2.resize(bitmap, size, interpolation=cv2.INTER_NEAREST)
    except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError, cv2.error):
        raise ValueError('its run-length mask is broken') from None
    encoded = mask.encode(np.asfortranarray(resized))
    return {**encoded, 'counts': encoded['counts'].decode()}


def _size(image: dict) -> tuple[int, int]:
    return image['width'], image['height']


def _shrink_image(image: dict, max_side: int) -> dict:
    width, height = shrunk_size(*_size(image), max_side)
    if (width, height) == _size(image):
        return image
    name = image['file_name']
    shrunk = {'original_width': image['width'], 'original_height': image['height'], **image}
    if not name.lower().endswith(('.jpg', '.jpeg')):
        shrunk |= {'original_file_name': name, 'file_name': f'{name}.jpg'}
    return {**shrunk, 'width': width, 'height': height}


def _shrink(annotation: dict, old: dict, new: dict) -> dict:
    if new is old:
        return annotation
    scaled = _scale(annotation, _size(old), _size(new))
    return {**scaled, 'original': _geometry(_restore(annotation, old))}


def _restore(annotation: dict, image: dict) -> dict:
    if 'original_width' not in image:
        return annotation
    size = image['original_width'], image['original_height']
    original = annotation.get('original') or _scale(annotation, _size(image), size)
    others = {key: value for key, value in annotation.items() if key != 'original'}
    return others | _geometry(original)


def _geometry(annotation: dict) -> dict:
    return {key: annotation[key] for key in ('bbox', 'area', 'segmentation') if key in annotation}


def _restore_fields(entry: dict, fields: Sequence[str]) -> dict:
    """Replaces each field by its ``original_`` counterpart, if there is one."""
    names = {f'original_{field}': field for field in fields}
    others = {key: value for key, value in entry.items() if key not in names}
    return others | {field: entry[name] for name, field in names.items() if name in entry}


def _scale(annotation: dict, old: tuple[int, int], new: tuple[int, int]) -> dict:
    factors = new[0] / old[0], new[1] / old[1]
    x, y, w, h = annotation['bbox']
    box = [x * factors[0], y * factors[1], w * factors[0], h * factors[1]]
    scaled = {**annotation, 'bbox': clip_box(box, *new) or box}  # rounding may move it outside
    if 'area' in annotation:
        scaled['area'] = annotation['area'] * factors[0] * factors[1]
    segmentation = annotation.get('segmentation')
    if isinstance(segmentation, dict):
        try:
            if segmentation.get('size') != [*reversed(old)]:  # pycocotools may crash on others
                raise ValueError("its run-length mask is not of the image's size")
            scaled['segmentation'] = resize_mask(segmentation, new)
        except ValueError as error:
            raise InputError(f'annotation {annotation["id"]}: {error}') from None
    elif isinstance(segmentation, list):
        scaled['segmentation'] = [
            [coordinate * factors[index % 2] for index, coordinate in enumerate(polygon)]
            for polygon in segmentation
        ]
    return scaled
