"""What a detector returned for each image, as boxes and as COCO results."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..boxes import Boxes
from ..coco import Coco
from ..errors import InputError

Prediction = Mapping[str, Any]
"""Of one image, as ``CocoMetric`` keeps it: ``img_id``, ``bboxes`` (xyxy, absolute pixels, shape
(N, 4)), ``labels`` and ``scores`` (shape (N,)), and where there are ``masks`` (RLEs),
``mask_scores`` and ``scale_factor`` (of width and height)."""

Results = list[dict[str, Any]]

_COLUMNS = ('bboxes', 'labels', 'scores', 'mask_scores')


def drop_not_finite(predictions: Sequence[Prediction]) -> tuple[list[Prediction], int]:
    """Leaves out detections whose box or score is not finite, and counts them.

    A training that goes astray yields some, which is no reason to end it.
    """
    kept: list[Prediction] = []
    dropped = 0
    for row in predictions:
        finite = np.isfinite(row['bboxes']).all(axis=1) & np.isfinite(row['scores'])
        dropped += int((~finite).sum())
        columns = {key: row[key] for key in _COLUMNS if key in row}
        if not finite.all():
            columns = {key: column[finite] for key, column in columns.items()}
            if 'masks' in row:
                columns['masks'] = list(itertools.compress(row['masks'], finite))
        kept.append({**row, **columns})
    return kept, dropped


def collect_boxes(predictions: Sequence[Prediction]) -> Boxes:
    """The boxes of all images, in their order.

    One that ends before it begins, which overlaps nothing, ends where it begins.

    Raises:
        InputError: If a number is not finite.
    """

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


def box_results(found: Boxes, category_ids: Sequence[int]) -> Results:
    """COCO results of boxes.

    Args:
        found: Detections.
        category_ids: Of each label.

    >>> box = {'image_id': 7, 'category_id': 5, 'bbox': [1.0, 2.0, 3.0, 4.0], 'score': 0.5}
    >>> box_results(Boxes.from_results([box], {5: 0}), [5]) == [box]
    True
    """
    xywh = np.concatenate([found.xyxy[:, :2], found.xyxy[:, 2:] - found.xyxy[:, :2]], axis=1)
    columns = found.image.tolist(), found.label.tolist(), xywh.tolist(), found.score.tolist()
    return [
        {'image_id': image, 'category_id': category_ids[label], 'bbox': box, 'score': score}
        for image, label, box, score in zip(*columns, strict=True)
    ]


def mask_results(predictions: Sequence[Prediction], category_ids: Sequence[int]) -> Results:
    """COCO results of masks.

    Args:
        predictions: Of each image.
        category_ids: Of each label.

    Raises:
        InputError: If an image has detections without masks.
    """
    return [row for prediction in predictions for row in _masks_of(prediction, category_ids)]


def _masks_of(prediction: Prediction, category_ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    labels = prediction['labels'].tolist()
    if labels and 'masks' not in prediction:
        image = prediction['img_id']
        raise InputError(
            f'metric "segm" needs masks, but the detections in image {image} have none'
        )
    scores = prediction.get('mask_scores', prediction['scores']).tolist()
    for label, score, rle in zip(labels, scores, prediction.get('masks', []), strict=True):
        yield {
            'image_id': prediction['img_id'],
            'category_id': category_ids[label],
            'score': score,
            'segmentation': rle,
        }


def input_area_factors(truth: Coco, predictions: Sequence[Prediction]) -> dict[int, float] | None:
    """By what the areas in each image are multiplied when it is resized for the network.

    Args:
        truth: COCO file.
        predictions: Of each image.

    Returns:
        Image id -> factor; None unless it is known for each image of ``truth``.

    >>> truth = {'images': [{'id': 7}]}
    >>> input_area_factors(truth, [{'img_id': 7, 'scale_factor': (0.5, 0.25)}])
    {7: 0.125}
    >>> input_area_factors(truth, [{'img_id': 7}])
    """
    factors = {
        row['img_id']: row['scale_factor'][0] * row['scale_factor'][1]
        for row in predictions
        if 'scale_factor' in row
    }
    return factors if {image['id'] for image in truth['images']} <= set(factors) else None
