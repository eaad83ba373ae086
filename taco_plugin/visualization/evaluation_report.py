"""Writes the report of one evaluation into the folder of its run: record, boxes and plots."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..evaluation.curves import confusion_matrix
from ..evaluation.detection_errors import choose_images, find_errors
from ..evaluation.detections import EvaluatedBoxes, write_evaluated_boxes
from ..evaluation.evaluate import Evaluation
from ..evaluation.record import EvaluatedRun, write_record
from ..files import write_files
from ..tables import format_csv
from .bars import plot_class_counts
from .class_curves import plot_precision_recall, plot_score_curves
from .counts import plot_count_errors
from .figure import save_figure, save_photo
from .matrices import plot_confusion_matrix
from .mosaics import mosaic_of_errors, mosaic_of_predictions


class EvaluationReport:
    """The report of one evaluation.

    The record goes to ``evaluations``, the plots to ``figures/val`` or ``figures/test``.

    Args:
        evaluation: What is reported.
        name: ``test``, or ``val_`` and the epoch or iteration.
        folder: Of the run.
        colours: RGB in [0, 255] of each class.
        subfolder: Of ``evaluations`` and ``figures/val``, for further evaluations under one name.
        show: Called with the name of every picture that was drawn, and with the path of a plot or
            the pixels of a mosaic (RGB, uint8, shape (H, W, 3)).
        logger: Is told where the plots are.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        name: str,
        folder: str | Path,
        *,
        colours: Sequence[tuple[int, int, int]],
        subfolder: str = '',
        show: Callable[[str, np.ndarray | Path], object] = lambda name, picture: None,
        logger: logging.Logger,
    ) -> None:
        self.evaluation, self.name = evaluation, name
        self.colours, self.show, self.logger = colours, show, logger
        split = name.partition('_')[0]
        self.path = Path(folder, 'evaluations', subfolder, f'{name}.json')
        self.figures = Path(folder, 'figures', split, subfolder)
        self.title = '/'.join(filter(None, (split, subfolder)))
        self.classes = evaluation.record.classes

    def write_record(
        self, *, iteration: int, epoch: int | None = None, checkpoint: str | None = None
    ) -> None:
        """Writes the results, and what was evaluated, as JSON."""
        time = datetime.now().astimezone().isoformat(timespec='seconds')
        run = EvaluatedRun(self.name, epoch, iteration, checkpoint=checkpoint, time=time)
        write_record(replace(self.evaluation.record, run=run), self.path)

    def write_boxes(self, folder: str, images: Mapping[int, str]) -> EvaluatedBoxes:
        """Writes the boxes of some images, whose names are relative to ``folder``, and counts them.

        The counts are a CSV with a row per image, at the confidence threshold of the best F1.
        """
        truth, sizes = self.evaluation.truth, self.evaluation.image_sizes
        boxes = EvaluatedBoxes(
            folder=folder,
            images=images,
            sizes={image: sizes[image] for image in images},
            truth=truth[np.isin(truth.image, list(images))],
            detections=self.evaluation.detections,
        )
        write_evaluated_boxes(boxes, self.path.with_suffix('.npz'))
        counts = zip(sizes, *self.evaluation.counts.tolist(), strict=True)
        rows = [
            {'image': images[image]} | _name_counts(true, detected, self.classes)
            for image, true, detected in counts
            if image in images
        ]
        write_files(self.path.parent, {f'{self.name}_counts.csv': format_csv(rows)})
        return boxes

    def plot(self) -> dict[str, Figure]:
        """Draws the plots that need no photographs."""
        of, classes, colours = self.evaluation, self.classes, self.colours
        true, detected = of.counts
        matrix = confusion_matrix(
            of.truth, of.detections, len(classes), score_threshold=of.threshold
        )
        return {
            'score_curves': plot_score_curves(of.curves, classes, colours),
            'precision_recall': plot_precision_recall(of.precision, classes, colours),
            'confusion_matrix': plot_confusion_matrix(matrix, classes),
            'confusion_matrix_normalised': plot_confusion_matrix(matrix, classes, normalised=True),
            'class_counts': plot_class_counts(true.sum(axis=0), detected.sum(axis=0), classes),
            'count_errors': plot_count_errors(true, detected, classes),
        }

    def save_plots(self, plots: Mapping[str, Figure]) -> None:
        """Writes plots as PNG files, and shows them."""
        for name, figure in plots.items():
            path = self.figures / f'{name}.png'
            save_figure(figure, path)
            self.show(f'{self.title}/{name}', path)
        self.logger.info(f'{self.name}: plots in {self.figures}')

    def save_photos(self, kept: EvaluatedBoxes, *, count: int) -> None:
        """Draws the worst images and the most confident errors."""
        boxes, threshold = (kept.truth, kept.detections), self.evaluation.threshold
        worst = choose_images(kept.truth, [kept.detections], [threshold], count=count)
        if not worst:
            return
        chosen = {image: kept.paths[image] for image in worst}
        shared: dict[str, Any] = {'classes': self.classes, 'sizes': kept.sizes}
        drawn = {
            'worst_images': mosaic_of_predictions(
                chosen, *boxes, colors=self.colours, score_threshold=threshold, **shared
            ),
            'errors': mosaic_of_errors(
                kept.paths, *boxes, errors=find_errors(*boxes, threshold), **shared
            ),
        }
        for name, picture in drawn.items():
            save_photo(picture, self.figures / f'{name}.jpg')
            self.show(f'{self.title}/{name}', picture)


def _name_counts(
    true: Sequence[int], detected: Sequence[int], classes: Sequence[str]
) -> dict[str, int]:
    """Counts in one image by their columns in a table."""
    row = {'true: all classes': sum(true), 'detected: all classes': sum(detected)}
    for name, *pair in zip(classes, true, detected, strict=True):
        row |= zip((f'true: {name}', f'detected: {name}'), pair, strict=True)
    return row
