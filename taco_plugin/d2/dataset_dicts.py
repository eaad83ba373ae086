"""Converts a COCO file to the list of dicts that Detectron2 trains on."""

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from ..coco import Coco

_KEPT = ('width', 'height', 'original_width', 'original_height')


def make_dataset_dicts(
    coco: Coco, folder: str | Path, box_mode: object
) -> tuple[list[dict[str, Any]], int]:
    """Makes a dict of each image, in Detectron2's format, in the order of the file.

    Labels are in the order of the file's categories. Crowds are kept, with ``iscrowd``, and
    Detectron2's mapper leaves them out of training. If some boxes of the file have masks, those
    without get their rectangle as a polygon, because Detectron2 cannot train masks on images with
    both. If ``prepare_taco.py --max-side`` has scaled an image, its dict has ``original_width``
    and ``original_height``, in pixels.

    Args:
        coco: Clean, as :func:`~taco_plugin.coco.load_dataset` returns it.
        folder: Of the photographs.
        box_mode: Value of ``bbox_mode`` for COCO's ``bbox``: ``BoxMode.XYWH_ABS``.

    Returns:
        The dicts, and the number of boxes that got a rectangle as mask.
    """
    labels = {category['id']: label for label, category in enumerate(coco['categories'])}
    has_masks = any(row.get('segmentation') for row in coco['annotations'])
    rectangles = 0
    of_image: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in coco['annotations']:
        annotation = {
            'bbox': row['bbox'],
            'bbox_mode': box_mode,
            'category_id': labels[row['category_id']],
            'iscrowd': row['iscrowd'],
        }
        if has_masks:
            mask = row.get('segmentation')
            rectangles += not mask
            annotation['segmentation'] = _compress(mask) if mask else [_outline(*row['bbox'])]
        of_image[row['image_id']].append(annotation)
    dicts = [
        {
            'file_name': os.path.join(folder, image['file_name']),
            'image_id': image['id'],
            **{key: image[key] for key in _KEPT if key in image},
            'annotations': of_image[image['id']],
        }
        for image in coco['images']
    ]
    return dicts, rectangles


def _compress(mask: list | dict[str, Any]) -> list | dict[str, Any]:
    """Compresses a run-length mask, the only ones that Detectron2 takes; polygons stay."""
    if isinstance(mask, dict) and isinstance(mask['counts'], list):
        from pycocotools import mask as coco_mask

        return coco_mask.frPyObjects(mask, *mask['size'])
    return mask


def _outline(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]
