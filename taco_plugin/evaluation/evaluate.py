"""Evaluates the predictions of any detector: what the metrics of all frameworks have in common."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..boxes import Boxes, check_labels
from ..coco import Coco, load_for_taxonomy, order_categories, read_coco, restore_originals
from ..taxonomies import load_taxonomy
from .coco_scores import IouType, score_results
from .counts import compare_counts, count_boxes
from .curves import ScoreCurves, mean_curves, precision_recall, score_curves
from .detections import (
    Prediction,
    box_results,
    collect_boxes,
    input_area_factors,
    mask_results,
)
from .matching import match
from .metrics import Metrics, ScoreSettings, make_metrics
from .record import Record, make_record

_USUAL_THRESHOLD = 0.25
"""Least confidence of a box that counts, if there is no ground truth to choose it by."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Results of an evaluation, and the boxes that they were computed from.

    Args:
        record: The results.
        truth: Ground truth, in pixels of the original photographs.
        detections: Likewise.
        image_sizes: Image id -> width and height of the original photograph, pixels.
        curves: Of each class at IoU 0.50.
        precision: Likewise, see :func:`~.curves.precision_recall`, shape (K, 101).
        threshold: Confidence with the best mean F1; 0.25 if there is no ground truth.
        counts: True boxes and detections at that threshold in each of the I images, in the order
            of ``image_sizes``, and of each class, int64, shape (2, I, K). As in COCO, neither
            crowds count nor detections that match only a crowd.
    """

    record: Record
    truth: Boxes
    detections: Boxes
    image_sizes: Mapping[int, tuple[int, int]]
    curves: ScoreCurves
    precision: np.ndarray
    threshold: float
    counts: np.ndarray


def read_truth(
    path: str, classes: Sequence[str], taxonomy: str | None
) -> tuple[Coco, dict[int, dict]]:
    """Reads the ground truth of an annotation file, as data sets do.

    Args:
        path: A prepared file or, if there is a taxonomy, TACO's own.
        classes: Names of K classes, in the order of the labels.
        taxonomy: Its name or the path of its CSV; None if the file has the classes as it is.

    Returns:
        A COCO file of the original photographs, with category ids 1..K in the order of
        ``classes``; and by id the entries of the images that were scaled, see
        :func:`~.detections.map_to_original`.

    Raises:
        InputError: If the file cannot be read, or its categories are not the classes.
    """
    if taxonomy is None:
        coco = read_coco(path)
    else:
        coco, _ = load_for_taxonomy(path, load_taxonomy(taxonomy))
    scaled = {image['id']: image for image in coco['images'] if 'original_width' in image}
    return order_categories(restore_originals(coco), classes), scaled


def evaluate(
    truth: Coco,
    predictions: Sequence[Prediction],
    kinds: Sequence[IouType],
    *,
    meta: Mapping[str, Any],
    settings: ScoreSettings,
    size_at_input: bool = True,
    logger: logging.Logger,
) -> Evaluation:
    """Scores predictions against the ground truth.

    Args:
        truth: COCO file; its categories are in the order of the labels.
        predictions: Of each image, finite, in pixels of the images in ``truth``.
        kinds: What is scored, boxes or masks or both.
        meta: See :func:`~.record.make_record`.
        settings: IoU thresholds and limits of the metrics.
        size_at_input: Whether to also score by size at the network's input, where that is known.
        logger: Is told if it is not known.

    Raises:
        InputError: If a prediction refers to an image or a class that ``truth`` lacks, or has no
            mask although masks are scored.
    """
    ids = [category['id'] for category in truth['categories']]
    boxes = Boxes.from_coco(truth, {number: label for label, number in enumerate(ids)})
    detections = collect_boxes(predictions)
    check_labels('detections', detections.label, len(ids))
    factors = input_area_factors(truth, predictions) if size_at_input else None
    if size_at_input and factors is None:
        reason = 'not every image of the ground truth was given, or has a scale_factor'
        logger.info(f'no sizes at the network input: {reason}')
    metrics: dict[IouType, Metrics] = {}
    for kind in kinds:
        is_box = kind == 'bbox'
        rows = box_results(detections, ids) if is_box else mask_results(predictions, ids)
        scores = score_results(truth, rows, kind, area_factors=factors, **settings.evaluated)
        metrics[kind] = make_metrics(*scores, settings)
    both = boxes, detections
    record = make_record(
        meta, truth, both, settings=settings, area_factors=factors, metrics=metrics
    )
    sizes = {image['id']: (image['width'], image['height']) for image in truth['images']}
    return _add_counts(record, boxes, detections, sizes)


def _add_counts(
    record: Record, truth: Boxes, detections: Boxes, sizes: Mapping[int, tuple[int, int]]
) -> Evaluation:
    """Adds the curves of the boxes, and counts at the threshold that these choose."""
    matches, classes = match(truth, detections), len(record.classes)
    curves, precision = score_curves(matches, classes), precision_recall(matches, classes)
    mean = mean_curves(curves, precision)
    threshold = mean.best_threshold if mean else _USUAL_THRESHOLD
    in_crowd = np.isin(np.arange(len(detections)), matches.detection[matches.ignored])
    counted = truth, detections[~in_crowd]
    counts = np.array([count_boxes(some, [*sizes], classes, threshold) for some in counted])
    if mean:
        record = replace(record, curves=mean, count_errors=compare_counts(*counts))
    return Evaluation(record, truth, detections, sizes, curves, precision, threshold, counts)
