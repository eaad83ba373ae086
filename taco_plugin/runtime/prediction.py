"""What is found in an image, in the form in which it is written."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Prediction = dict[str, Any]
"""Detections of an image: ``size`` (width and height), ``boxes`` (each label, score, x, y, width
and height, pixels; the surest first) and, of a detector of masks, ``masks`` (RLEs)."""


def make_prediction(
    boxes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    size: tuple[int, int],
    masks: np.ndarray | None = None,
) -> Prediction:
    """Makes a prediction of detections in descending order of their scores.

    Args:
        boxes: xyxy, pixels, shape (N, 4).
        scores: Shape (N,).
        labels: Shape (N,).
        size: Width and height of the image.
        masks: Of the image, bool, shape (N, height, width).
    """
    xyxy = boxes.astype(np.float64).clip(0, [*size, *size]).round(3)
    xywh = np.column_stack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]]).round(3)
    kept = np.flatnonzero((xywh[:, 2:] > 0).all(axis=1))
    rows = zip(labels.tolist(), scores.tolist(), xywh.tolist(), strict=True)
    columns = [[label, round(score, 5), *box] for label, score, box in rows]
    prediction: Prediction = {'size': list(size), 'boxes': [columns[row] for row in kept]}
    if masks is not None:
        prediction['masks'] = [_encode(masks[row]) for row in kept]
    return prediction


def predict_by_shape(
    predict: Callable[[list[dict[str, Any]]], list[Prediction]],
    batch: Sequence[dict[str, Any]],
    key: str,
) -> list[Prediction]:
    """Predicts a batch in parts whose images have one shape.

    Args:
        predict: Predicts images of one shape.
        batch: Inputs of any shapes.
        key: The entry of an input whose shape counts.

    Returns:
        The predictions in the order of ``batch``.
    """
    groups = defaultdict(list)
    for index, data in enumerate(batch):
        groups[data[key].shape].append(index)
    predictions: dict[int, Prediction] = {}
    for indices in groups.values():
        alike = predict([batch[index] for index in indices])
        predictions |= zip(indices, alike, strict=True)
    return [predictions[index] for index in range(len(batch))]


def _encode(mask: np.ndarray) -> dict[str, Any]:
    from pycocotools import mask as rle

    encoded = rle.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {**encoded, 'counts': encoded['counts'].decode()}
