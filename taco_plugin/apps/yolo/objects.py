"""Turns the annotations of an image into lines of a YOLO label file, and back."""

from collections.abc import Sequence

import numpy as np

from .labels import Label, format_box, format_polygon, read_box, read_polygon
from .notes import Note
from .polygons import clip_polygon, join_polygons, signed_area

_TOLERANCE = 2.0  # pixels between a box and its polygons that are not worth a note


def format_objects(
    annotations: Sequence[dict], image: dict, class_indices: dict[int, int], segments: bool
) -> tuple[str, list[Note]]:
    """The text of an image's label file.

    Args:
        annotations: The image's, clean.
        image: Its entry in the COCO file.
        class_indices: Class of each category id, counted from 0.
        segments: Write polygons; else boxes.

    Returns:
        One line per object but crowds, and what is not as in the COCO file.
    """
    lines, notes = [], []
    size = image['width'], image['height']
    for annotation in annotations:
        kinds: list[str] = []
        index = class_indices[annotation['category_id']]
        if annotation['iscrowd']:
            kinds.append('crowd')
        elif segments:
            lines.append(format_polygon(index, _find_outline(annotation, size, kinds), *size))
        else:
            lines.append(format_box(index, annotation['bbox'], *size))
            kinds += ['polygons_left_out'] if _polygons_of(annotation) else []
        notes += [Note(kind, image['file_name'], annotation['id']) for kind in kinds]
    return ''.join(f'{line}\n' for line in lines), notes


def _polygons_of(annotation: dict) -> list[list[float]]:
    segmentation = annotation.get('segmentation')
    return segmentation if isinstance(segmentation, list) else []


def _find_outline(annotation: dict, size: tuple[int, int], kinds: list[str]) -> np.ndarray:
    """The one polygon that stands for an object, within the image; adds kinds of notes."""
    polygons = [np.reshape(polygon, (-1, 2)) * 1.0 for polygon in _polygons_of(annotation)]
    clipped = [clip_polygon(polygon, *size) for polygon in polygons]
    if any(new is not old for new, old in zip(clipped, polygons, strict=True)):
        kinds.append('polygon_clipped')
    clipped = [polygon for polygon in clipped if len(polygon)]
    x, y, w, h = annotation['bbox']
    corners = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]).clip(0, size)
    if not clipped:
        kinds.append('box_as_polygon')
        return corners
    if len(clipped) > 1:
        kinds.append('joined')
    outline = join_polygons(clipped)
    off = np.abs([outline.min(0) - corners[0], outline.max(0) - corners[2]])
    if off.max() > _TOLERANCE:
        kinds.append('box_differs')
    return outline


def read_object(label: Label, width: int, height: int) -> dict:
    """The ``bbox``, ``segmentation``, ``area`` and ``iscrowd`` of an annotation.

    Args:
        label: A box, or a polygon, whose extent becomes the box.
        width: The image's, in pixels.
        height: The image's, in pixels.
    """
    if len(label.shares) == 4:
        box = read_box(label.shares, width, height)
        return {'bbox': box, 'segmentation': [], 'area': box[2] * box[3], 'iscrowd': 0}
    points = read_polygon(label.shares, width, height)
    low, high = points.min(axis=0), points.max(axis=0)
    return {
        'bbox': [*low.tolist(), *(high - low).tolist()],
        'segmentation': [points.ravel().tolist()],
        'area': abs(float(signed_area(points))),
        'iscrowd': 0,
    }
