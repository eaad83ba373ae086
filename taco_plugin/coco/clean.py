"""Mends the annotations of a COCO file, and says what was mended."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .read import Coco, is_number

KINDS = {
    'image_unknown': 'annotations dropped: the file has no such image',
    'box_not_finite': 'boxes dropped: not finite numbers',
    'box_empty': 'boxes dropped: width or height not above 0',
    'box_outside': 'boxes dropped: wholly outside the image',
    'box_clipped': 'boxes clipped to the image',
    'polygon_dropped': 'segmentations with invalid polygons dropped',
    'area_from_polygons': 'areas filled in from the polygons',
    'area_from_box': 'areas filled in from the box',
    'iscrowd_filled': 'iscrowd filled in with 0',
    'id_duplicate': 'duplicate annotation ids renumbered',
    'id_zero': 'annotation ids of 0 renumbered',
}
"""What :func:`clean_annotations` changes, and how a report words it."""


@dataclass(frozen=True)
class Change:
    """One change of one annotation.

    Args:
        kind: One of :data:`KINDS`.
        annotation_id: As it was in the file.
        image_id: As it was in the file.
        file_name: The image's; None if the file has no such image.
        before: The field's value in the file; None if it was missing.
        after: The field's new value; None if the annotation was dropped.
    """

    kind: str
    annotation_id: int
    image_id: int
    file_name: str | None
    before: Any
    after: Any


def clean_annotations(coco: Coco) -> tuple[Coco, list[Change]]:
    """Mends or drops the annotations that training or scoring would stumble over.

    - Dropped: annotations of images that are not in the file, boxes that are not finite, have no
      area or lie wholly outside their image.
    - Clipped: boxes that leave their image. Polygons stay as they are.
    - Dropped from their segmentation: polygons of fewer than 3 points, or with coordinates that
      are not finite.
    - Filled in: ``area`` that is missing, not finite or not positive, or larger than the clipped
      box; ``iscrowd`` that is missing or neither 0 nor 1.
    - Renumbered: ids that occurred before, and the id 0, which pycocotools takes for "no match".

    Cleaning what is clean changes nothing. The input is not modified.

    Args:
        coco: As :func:`read_coco` returns it.

    Returns:
        The clean file, and every change in the order of the annotations.

    Example:
        >>> image = {'id': 1, 'file_name': 'a.jpg', 'width': 100, 'height': 100}
        >>> box = {'id': 1, 'image_id': 1, 'category_id': 1, 'bbox': [90, 0, 20, 20],
        ...        'area': 200, 'iscrowd': 0}
        >>> clean, changes = clean_annotations({'images': [image], 'annotations': [box]})
        >>> clean['annotations'][0]['bbox']
        [90, 0, 10, 20]
        >>> changes[0].kind
        'box_clipped'
    """
    images = {image['id']: image for image in coco['images']}
    numbering = _Numbering(coco['annotations'])
    annotations: list[dict] = []
    changes: list[Change] = []
    for annotation in coco['annotations']:
        image = images.get(annotation['image_id'])
        ids = annotation['id'], annotation['image_id'], image and image['file_name']
        reason = _find_reason_to_drop(annotation, image)
        if image is None or reason is not None:
            changes.append(Change(reason or 'image_unknown', *ids, annotation['bbox'], None))
            continue
        updates = {}
        for kind, field, value in _find_repairs(annotation, image, numbering):
            changes.append(Change(kind, *ids, annotation.get(field), value))
            updates[field] = value
        annotations.append({**annotation, **updates} if updates else annotation)
    return {**coco, 'annotations': annotations}, changes


def _find_reason_to_drop(annotation: dict, image: dict | None) -> str | None:
    x, y, w, h = annotation['bbox']
    if image is None:
        return 'image_unknown'
    if not all(map(math.isfinite, (x, y, w, h))):
        return 'box_not_finite'
    if w <= 0 or h <= 0 or w * h == 0:  # the product of tiny numbers is 0
        return 'box_empty'
    if clip_box([x, y, w, h], image['width'], image['height']) is None:
        return 'box_outside'
    return None


_Repair = tuple[str, str, Any]  # kind, field, new value


def _find_repairs(annotation: dict, image: dict, numbering: '_Numbering') -> Iterator[_Repair]:
    box = clip_box(annotation['bbox'], image['width'], image['height'])
    assert box is not None
    if box != annotation['bbox']:
        yield 'box_clipped', 'bbox', box
    segmentation = annotation.get('segmentation')
    polygons = segmentation if isinstance(segmentation, list) else []
    valid = [polygon for polygon in polygons if _is_valid_polygon(polygon)]
    if len(valid) < len(polygons):
        yield 'polygon_dropped', 'segmentation', valid
    if not _is_valid_area(annotation, box):
        polygon_area = sum(map(_polygon_area, valid))
        if 0 < polygon_area <= box[2] * box[3]:
            yield 'area_from_polygons', 'area', polygon_area
        else:
            yield 'area_from_box', 'area', box[2] * box[3]
    if annotation.get('iscrowd') not in (0, 1):
        yield 'iscrowd_filled', 'iscrowd', 0
    yield from numbering.find_repair(annotation['id'])


def _is_valid_area(annotation: dict, box: list[float]) -> bool:
    area = annotation.get('area')
    if not is_number(area) or not 0 < area < math.inf:
        return False
    return box == annotation['bbox'] or area <= box[2] * box[3]


def clip_box(box: list[float], width: int, height: int) -> list[float] | None:
    """Clips a box to its image.

    Args:
        box: Finite ``xywh``, absolute pixels.
        width: The image's, in pixels.
        height: The image's, in pixels.

    Returns:
        The part of ``box`` that lies inside the image, unchanged (not even rounded) along an axis
        where it does not leave it; None if nothing is left.

    Example:
        >>> clip_box([-2, 10, 5, 5], 100, 12)
        [0, 10, 3, 2]
    """
    x, w = _clip_span(box[0], box[2], width)
    y, h = _clip_span(box[1], box[3], height)
    return [x, y, w, h] if w > 0 and h > 0 and w * h > 0 else None


def _clip_span(start: float, length: float, limit: int) -> tuple[float, float]:
    if start >= 0 and start + length <= limit:
        return start, length
    first, end = max(start, 0), min(start + length, limit)
    length = end - first
    while length > 0 and first + length > limit:  # the difference was rounded up
        length = math.nextafter(length, 0)
    return first, length


def _is_valid_polygon(polygon: list[float]) -> bool:
    return len(polygon) >= 6 and len(polygon) % 2 == 0 and all(map(math.isfinite, polygon))


def _polygon_area(polygon: list[float]) -> float:
    xs, ys = polygon[0::2], polygon[1::2]
    pairs = zip(xs, ys, xs[1:] + xs[:1], ys[1:] + ys[:1], strict=True)
    return abs(sum(x * next_y - next_x * y for x, y, next_x, next_y in pairs)) / 2


class _Numbering:
    """Gives new ids to annotations whose id is 0 or taken."""

    def __init__(self, annotations: list[dict]) -> None:
        self._next = max((annotation['id'] for annotation in annotations), default=0) + 1
        self._next = max(self._next, 1)
        self._taken: set[int] = set()

    def find_repair(self, annotation_id: int) -> Iterator[_Repair]:
        is_taken = annotation_id in self._taken
        self._taken.add(annotation_id)
        if is_taken or annotation_id == 0:
            yield ('id_duplicate' if is_taken else 'id_zero'), 'id', self._next
            self._next += 1


def count_changes(changes: list[Change]) -> dict[str, int]:
    """Number of changes of each kind, in the order of :data:`KINDS`; kinds without any left out."""
    counts = Counter(change.kind for change in changes)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}
