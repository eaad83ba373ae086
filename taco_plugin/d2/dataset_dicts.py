"""Converts a COCO file to the list of dicts that Detectron2 trains on."""

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from ..coco import Coco

_KEPT = ('width', 'height', 'original_width', 'original_height')


def make_dataset_dicts(coco: Coco, folder: str | Path, box_mode: object) -> list[dict[str, Any]]:
    """Makes a dict of each image, in Detectron2's format, in the order of the file.

    Labels are in the order of the file's categories. Crowds are kept, with ``iscrowd``, and
    Detectron2's mapper leaves them out of training. If ``prepare_taco.py --max-side`` has scaled an
    image, its dict has ``original_width`` and ``original_height``, in pixels.

    Args:
        coco: Clean, as :func:`~taco_plugin.coco.load_dataset` returns it: either all boxes have
            masks or none.
        folder: Of the photographs.
        box_mode: Value of ``bbox_mode`` for COCO's ``bbox``: ``BoxMode.XYWH_ABS``.
    """
    labels = {category['id']: label for label, category in enumerate(coco['categories'])}
    of_image: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in coco['annotations']:
        annotation = {
            'bbox': row['bbox'],
            'bbox_mode': box_mode,
            'category_id': labels[row['category_id']],
            'iscrowd': row['iscrowd'],
        }
        if mask := row.get('segmentation'):
            annotation['segmentation'] = _compress(mask)
        of_image[row['image_id']].append(annotation)
    return [
        {
            'file_name': os.path.join(folder, image['file_name']),
            'image_id': image['id'],
            **{key: image[key] for key in _KEPT if key in image},
            'annotations': of_image[image['id']],
        }
        for image in coco['images']
    ]


def _compress(mask: list | dict[str, Any]) -> list | dict[str, Any]:
    """Compresses a run-length mask, the only ones that Detectron2 takes; polygons stay."""
    if isinstance(mask, dict) and isinstance(mask['counts'], list):
        from pycocotools import mask as coco_mask

        return coco_mask.frPyObjects(mask, *mask['size'])
    return mask
