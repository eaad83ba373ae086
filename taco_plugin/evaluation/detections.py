"""Converts predictions to boxes and to COCO results, and stores boxes in a file."""

import itertools
import logging
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..boxes import Boxes
from ..coco import Coco, resize_mask
from ..errors import InputError
from ..files import write_file

Prediction = Mapping[str, Any]
"""Detections of one image in ``CocoMetric``: ``img_id``, ``bboxes`` (xyxy, absolute pixels, shape
(N, 4)), ``labels`` and ``scores`` (shape (N,)), and where there are ``masks`` (RLEs),
``mask_scores`` and ``scale_factor`` (of width and height)."""

_COLUMNS = ('bboxes', 'labels', 'scores', 'mask_scores')

_KINDS = {'image_ids': 'i', 'image_names': 'U', 'image_sizes': 'i', 'folder': 'U'}
"""Arrays of a file of boxes, besides those of boxes -> ``kind`` of their NumPy types."""

_LARGEST = 1 << 30
"""Maximum size of an unpacked file in bytes."""


def drop_not_finite(predictions: Sequence[Prediction], logger: logging.Logger) -> list[Prediction]:
    """Removes detections with a box or score that is not finite, as diverged training yields.

    A warning says how many were removed.
    """
    kept: list[Prediction] = []
    dropped = 0
    for row in predictions:
        finite = np.isfinite(row['bboxes']).all(axis=1) & np.isfinite(row['scores'])
        if not finite.all():
            dropped += int((~finite).sum())
            row = {**row, **{key: row[key][finite] for key in _COLUMNS if key in row}}
            if 'masks' in row:
                row['masks'] = list(itertools.compress(row['masks'], finite))
        kept.append(row)
    if dropped:
        logger.warning(
            f'{dropped} detections are not finite and are left out; has training diverged?'
        )
    return kept


def map_to_original(prediction: Prediction, image: Mapping[str, Any]) -> Prediction:
    """Maps the detections in a scaled photograph to pixels of the original.

    ``scale_factor`` is also converted to that of the original.

    Args:
        prediction: In pixels of the scaled photograph.
        image: Entry of a COCO file, see :func:`~taco_plugin.coco.shrink_images`.

    >>> image = {'width': 40, 'height': 30, 'original_width': 80, 'original_height': 90}
    >>> boxes = np.array([[1.0, 1.0, 2.0, 2.0]])
    >>> map_to_original({'bboxes': boxes, 'scale_factor': (2.0, 2.0)}, image)
    {'bboxes': array([[2., 3., 4., 6.]]), 'scale_factor': (1.0, 0.6666666666666666)}
    """
    size = image['original_width'], image['original_height']
    across, down = size[0] / image['width'], size[1] / image['height']
    boxes = prediction['bboxes'].astype(np.float64) * [across, down, across, down]
    mapped: dict[str, Any] = {**prediction, 'bboxes': boxes}
    if 'scale_factor' in prediction:
        factors = prediction['scale_factor']
        mapped['scale_factor'] = factors[0] / across, factors[1] / down
    if 'masks' in prediction:
        mapped['masks'] = [resize_mask(mask, size) for mask in prediction['masks']]
    return mapped


def collect_boxes(predictions: Sequence[Prediction]) -> Boxes:
    """Collects the boxes of all images; a box with x2 < x1 or y2 < y1 is made empty."""

    def join(key: str, empty: np.ndarray) -> np.ndarray:
        return np.concatenate([empty, *(row[key] for row in predictions if len(row['labels']))])

    image = [np.full(len(row['labels']), row['img_id']) for row in predictions]
    xyxy = join('bboxes', np.empty((0, 4)))
    xyxy[:, 2:] = np.maximum(xyxy[:, 2:], xyxy[:, :2])
    return Boxes(
        image=np.concatenate([np.empty(0, dtype=np.int64), *image]),
        label=join('labels', np.empty(0, dtype=np.int64)),
        xyxy=xyxy,
        score=join('scores', np.empty(0)),
        crowd=np.zeros(len(xyxy), dtype=bool),
    )


def box_results(detections: Boxes, category_ids: Sequence[int]) -> list[dict[str, Any]]:
    """COCO results of boxes; ``category_ids`` has one for each label."""
    xywh = detections.xyxy.copy()
    xywh[:, 2:] -= xywh[:, :2]
    columns = (detections.image, detections.label, xywh, detections.score)
    return [
        {'image_id': image, 'category_id': category_ids[label], 'bbox': box, 'score': score}
        for image, label, box, score in zip(*(c.tolist() for c in columns), strict=True)
    ]


def mask_results(
    predictions: Sequence[Prediction], category_ids: Sequence[int]
) -> list[dict[str, Any]]:
    """COCO results of masks; ``category_ids`` has one for each label.

    Raises:
        InputError: If an image has detections without masks.
    """
    results = []
    for row in predictions:
        image, labels = row['img_id'], row['labels'].tolist()
        if labels and 'masks' not in row:
            raise InputError(
                f'metric "segm" needs masks, but the detections in image {image} have none'
            )
        scores = row.get('mask_scores', row['scores']).tolist()
        results += [
            {'image_id': image, 'category_id': category_ids[label], 'score': s, 'segmentation': rle}
            for label, s, rle in zip(labels, scores, row.get('masks', []), strict=True)
        ]
    return results


def input_area_factors(truth: Coco, predictions: Sequence[Prediction]) -> dict[int, float] | None:
    """Image id -> factor by which areas change when the image is resized for the network.

    None unless it is known for every image of ``truth``, a COCO file.
    """
    factors = {
        row['img_id']: row['scale_factor'][0] * row['scale_factor'][1]
        for row in predictions
        if 'scale_factor' in row
    }
    return factors if {image['id'] for image in truth['images']} <= set(factors) else None


@dataclass(frozen=True, eq=False)
class EvaluatedBoxes:
    """Ground truth and detections of some images, in pixels of the original photographs.

    To draw them on a scaled photograph, multiply them by its width divided by the original width.

    Args:
        folder: Folder of the photographs.
        images: Image id -> name of its file in the folder.
        sizes: Image id -> width and height of the original photograph, pixels.

    Raises:
        InputError: If an image has no size, or a box refers to an unknown image.
    """

    folder: str
    images: Mapping[int, str]
    sizes: Mapping[int, tuple[int, int]]
    truth: Boxes
    detections: Boxes

    @property
    def paths(self) -> dict[int, str]:
        """Image id -> path of its photograph."""
        return {image: os.path.join(self.folder, name) for image, name in self.images.items()}

    def __post_init__(self) -> None:
        if set(self.sizes) != set(self.images) or min(map(min, self.sizes.values()), default=1) < 1:
            raise InputError('sizes must be of the images that are listed, and positive')
        for name in ('truth', 'detections'):
            other = np.setdiff1d(getattr(self, name).image, list(self.images))
            if len(other):
                raise InputError(f'{name} has boxes of the image {other[0]}, which is not listed')


def write_evaluated_boxes(boxes: EvaluatedBoxes, path: str | Path) -> None:
    """Writes boxes completely or not at all, as a NumPy archive.

    Raises:
        InputError: If the file cannot be written.
    """
    arrays = {
        'image_ids': np.array(list(boxes.images), dtype=np.int64),
        'image_names': np.array(list(boxes.images.values()), dtype=np.str_),
        'image_sizes': np.array([boxes.sizes[image] for image in boxes.images], dtype=np.int64),
        'folder': np.array(boxes.folder),
    }
    for name, some in (('truth', boxes.truth), ('detections', boxes.detections)):
        arrays |= {f'{name}_{column}': values for column, values in vars(some).items()}

    def write(beside: Path) -> None:
        with beside.open('wb') as file:  # given a path, NumPy would add a suffix
            np.savez_compressed(file, allow_pickle=False, **arrays)

    write_file(path, write)


def read_evaluated_boxes(path: str | Path) -> EvaluatedBoxes:
    """Reads what :func:`write_evaluated_boxes` wrote; nothing in the file can run code.

    Raises:
        InputError: If the file cannot be read, holds something else, or unpacks to over 1 GiB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _LARGEST:
            raise InputError(f'{path}: would unpack to {size} bytes; no file of evaluated boxes')
        with np.load(path, allow_pickle=False) as arrays:
            if wrong := [name for name, kind in _KINDS.items() if arrays[name].dtype.kind != kind]:
                raise InputError(f'{path}: {wrong[0]} has the type {arrays[wrong[0]].dtype}')
            ids, names = arrays['image_ids'].tolist(), arrays['image_names'].tolist()
            sizes = [(width, height) for width, height in arrays['image_sizes'].tolist()]
            truth, detections = (
                Boxes(**{field.name: arrays[f'{name}_{field.name}'] for field in fields(Boxes)})
                for name in ('truth', 'detections')
            )
            return EvaluatedBoxes(
                folder=str(arrays['folder']),
                images=dict(zip(ids, names, strict=True)),
                sizes=dict(zip(ids, sizes, strict=True)),
                truth=truth,
                detections=detections,
            )
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror or error})') from None
    except InputError as error:
        raise InputError(f'{path}: {str(error).removeprefix(f"{path}: ")}') from None
    except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f'{path}: no file of evaluated boxes ({error})') from None
