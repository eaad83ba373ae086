"""Repairs the annotations of a COCO file, and reports what was repaired."""

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .read import Coco, is_number, is_whole

KINDS = {
    'image_unknown': 'annotations dropped: the file has no such image',
    'box_not_finite': 'boxes dropped: not finite numbers',
    'box_empty': 'boxes dropped: width or height not above 0',
    'box_outside': 'boxes dropped: wholly outside the image',
    'box_clipped': 'boxes clipped to the image',
    'polygon_dropped': 'segmentations with invalid polygons dropped',
    'segmentation_from_box': 'segmentations filled in from the box, being missing or invalid',
    'area_from_polygons': 'areas filled in from the polygons',
    'area_from_box': 'areas filled in from the box',
    'iscrowd_filled': 'iscrowd filled in with 0',
    'id_duplicate': 'duplicate annotation ids renumbered',
    'id_zero': 'annotation ids of 0 renumbered',
}
"""Kinds of changes that :func:`clean_annotations` makes, and their descriptions in reports."""


@dataclass(frozen=True)
class Change:
    """One change of one annotation, with the ids from the file.

    Args:
        kind: One of :data:`KINDS`.
        file_name: Of the image; None if the file has no such image.
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
    """Repairs or drops annotations that would break or distort training or scoring.

    - Dropped: annotations of images that are not in the file, boxes that are not finite, have no
      area or lie wholly outside their image.
    - Clipped: boxes that leave their image. Polygons stay as they are.
    - Dropped from their segmentation: polygons of fewer than 3 points, or with coordinates that
      are not finite or farther out than twice the longer side of the image.
    - Filled in: ``segmentation`` that has no valid polygon, or is a run-length mask that does not
      fit its image, or is missing though other annotations have one: a detector of boxes can use
      the object, and one of masks needs a mask of each. ``area`` that is missing, not finite or not
      positive, or larger than the clipped box; ``iscrowd`` that is missing or neither 0 nor 1.
    - Renumbered: duplicate ids, and the id 0, which pycocotools takes for "no match".

    Cleaning is idempotent. The input is not modified.

    Returns:
        The clean file, and every change in the order of the annotations.
    """
    images = {image['id']: image for image in coco['images']}
    new_ids = itertools.count(max([0, *(entry['id'] for entry in coco['annotations'])]) + 1)
    has_masks = any(annotation.get('segmentation') for annotation in coco['annotations'])
    taken: set[int] = set()
    annotations, changes = [], []
    for annotation in coco['annotations']:
        image = images.get(annotation['image_id'], {})
        ids = annotation['id'], annotation['image_id'], image.get('file_name')
        if reason := _find_reason_to_drop(annotation['bbox'], image):
            changes.append(Change(reason, *ids, annotation['bbox'], None))
            continue
        repairs = [*_find_repairs(annotation, image, has_masks=has_masks)]
        if annotation['id'] in taken or annotation['id'] == 0:
            kind = 'id_duplicate' if annotation['id'] in taken else 'id_zero'
            repairs.append((kind, 'id', next(new_ids)))
        taken.add(annotation['id'])
        updates = {}
        for kind, field, value in repairs:
            changes.append(Change(kind, *ids, annotation.get(field), value))
            updates[field] = value
        annotations.append({**annotation, **updates} if updates else annotation)
    return {**coco, 'annotations': annotations}, changes


def _find_reason_to_drop(box: list[float], image: dict) -> str | None:
    if not image:
        return 'image_unknown'
    if not all(map(math.isfinite, box)):
        return 'box_not_finite'
    if box[2] <= 0 or box[3] <= 0 or box[2] * box[3] == 0:  # the product of tiny numbers is 0
        return 'box_empty'
    return None if clip_box(box, image['width'], image['height']) else 'box_outside'


def _find_repairs(
    annotation: dict, image: dict, *, has_masks: bool
) -> Iterator[tuple[str, str, Any]]:
    """Yields the kind, field and new value of each repair of an annotation."""
    box = clip_box(annotation['bbox'], image['width'], image['height'])
    assert box is not None
    if box != annotation['bbox']:
        yield 'box_clipped', 'bbox', box
    segmentation = annotation.get('segmentation')
    polygons = segmentation if isinstance(segmentation, list) else []
    farthest = 2 * max(image['width'], image['height'])
    valid = [polygon for polygon in polygons if _is_polygon(polygon, farthest)]
    is_mask = isinstance(segmentation, dict) and _is_run_length_mask(segmentation, image)
    if has_masks and not valid and not is_mask:
        x, y, w, h = box
        corners = [x, y, x + w, y, x + w, y + h, x, y + h]
        yield 'segmentation_from_box', 'segmentation', [corners]
    elif len(valid) < len(polygons):
        yield 'polygon_dropped', 'segmentation', valid
    area = annotation.get('area')
    largest = math.inf if box == annotation['bbox'] else box[2] * box[3]
    if not is_number(area) or not 0 < area < math.inf or area > largest:
        polygon_area = sum(map(_polygon_area, valid))
        if 0 < polygon_area <= box[2] * box[3]:
            yield 'area_from_polygons', 'area', polygon_area
        else:
            yield 'area_from_box', 'area', box[2] * box[3]
    if annotation.get('iscrowd') not in (0, 1):
        yield 'iscrowd_filled', 'iscrowd', 0


def _is_polygon(polygon: list[float], farthest: float) -> bool:
    if len(polygon) < 6 or len(polygon) % 2:
        return False
    # The sum finds NaN, which a comparison may pass over.
    return -farthest <= min(polygon) and max(polygon) <= farthest and math.isfinite(sum(polygon))


def _is_run_length_mask(mask: dict, image: dict) -> bool:
    """Whether its runs cover the image exactly; with others, pycocotools may crash."""
    counts, size = mask.get('counts'), [image['height'], image['width']]
    if isinstance(counts, str):
        counts = _decode_counts(counts) if re.fullmatch('(?:[P-o]{0,9}[0-O])*', counts) else None
    if not isinstance(counts, list) or mask.get('size') != size:
        return False
    numbers = [*mask['size'], *counts]
    return all(is_whole(n) and n >= 0 for n in numbers) and sum(counts) == math.prod(size)


def _decode_counts(text: str) -> list[int]:
    """COCO's compressed counts: 5 bits in each character, the lowest first, and whether more come.

    From the fourth on, they are differences from the count two before.
    """
    counts: list[int] = []
    count = shift = 0
    for bits in (ord(character) - ord('0') for character in text):
        count |= (bits & 31) << shift
        shift += 5
        if bits < 32:  # the last of this count, with its sign
            count -= (bits & 16) << (shift - 4)
            counts.append(count + (counts[-2] if len(counts) > 2 else 0))
            count = shift = 0
    return counts


def clip_box(box: list[float], width: int, height: int) -> list[float] | None:
    """Clips a box, finite ``xywh`` in absolute pixels, to its image's width and height.

    Returns:
        The part of ``box`` inside the image, or None if nothing is left. Along an axis where the
        box does not leave the image, it is unchanged, not even rounded.

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


def _polygon_area(polygon: list[float]) -> float:
    xs, ys = polygon[0::2], polygon[1::2]
    pairs = zip(xs, ys, xs[1:] + xs[:1], ys[1:] + ys[:1], strict=True)
    return abs(sum(x * next_y - next_x * y for x, y, next_x, next_y in pairs)) / 2


def count_changes(changes: Sequence[Change]) -> dict[str, int]:
    """Number of changes by kind, in the order of :data:`KINDS`; only kinds that occur."""
    counts = Counter(change.kind for change in changes)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}


def report_changes(changes: Sequence[Change]) -> dict[str, Any]:
    """Every change, and how many there are of each kind, for JSON.

    JSON cannot represent numbers that are not finite, so they become strings (``'inf'``).
    """
    entries = json.dumps([asdict(change) for change in changes])
    return {
        'counts': count_changes(changes),
        'list': json.loads(entries, parse_constant=lambda constant: str(float(constant))),
    }
