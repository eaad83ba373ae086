"""Writes what every evaluation found, as JSON and as pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from mmdet.registry import HOOKS
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend
from PIL import Image

from ...evaluation.confusion import class_counts, confusion_matrix
from ...evaluation.curves import best_f1, precision_recall, score_curves
from ...evaluation.detection_errors import confident_errors, image_errors
from ...evaluation.matching import match
from ...evaluation.record import write_record
from ...evaluation.taco_metric import TacoMetric
from ...visualization import (
    plot_class_counts,
    plot_confusion_matrix,
    plot_precision_recall,
    plot_score_curves,
    plot_training,
    read_scalars,
    save_figure,
    save_photo,
)
from ...visualization.mosaics import mosaic_of_errors, mosaic_of_predictions


@HOOKS.register_module()
class EvaluationReportHook(Hook):
    """Reports what each TacoMetric of the run has evaluated.

    Into the folder of the run, ``<work_dir>/<time>``, it writes ``evaluations/val_<epoch>.json``
    or ``evaluations/test.json`` (see :mod:`taco_plugin.evaluation.record`), and to
    ``figures/val``, of the last validation, or ``figures/test``:

    - ``score_curves.png``: precision, recall and F1 over the confidence threshold
    - ``precision_recall.png``: at IoU 0.50
    - ``confusion_matrix.png``, ``confusion_matrix_normalised.png`` and ``class_counts.png``, at the
      confidence threshold of the best F1
    - ``training.png``: loss parts and mAP so far; of validations only
    - ``worst_images.jpg`` and ``errors.jpg``: the images with most errors, and the most confident
      errors; of tests only, as photographs take their time

    TensorBoard, WandB and other backends that are configured get the pictures too.

    Args:
        enabled: If False, nothing is written.
        images: How many of the worst images are drawn.
    """

    priority = 'VERY_LOW'  # after the figures have been logged

    def __init__(self, enabled: bool = True, images: int = 8) -> None:
        self.enabled = enabled
        self.images = images

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Reports a validation; should that fail, it is logged and training goes on."""
        for metric in self._metrics(runner.val_evaluator):
            name = f'val_{runner.epoch or runner.iter}'
            try:
                figures, _ = _draw(metric)
                self._write(runner, metric, name, 'val', figures | _draw_training(runner))
            except Exception:
                runner.logger.exception(f'{name} could not be reported')

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Reports a test."""
        for metric in self._metrics(runner.test_evaluator):
            figures, threshold = _draw(metric)
            self._write(runner, metric, 'test', 'test', figures)
            for name, picture in self._draw_images(runner, metric, threshold):
                path = Path(runner.log_dir) / 'figures' / 'test' / f'{name}.jpg'
                save_photo(picture, path)
                _show(runner, f'test/{name}', picture)

    def _metrics(self, evaluator: Evaluator) -> list[TacoMetric]:
        """The metrics that have evaluated in this process, the main one of several."""
        metrics = [metric for metric in evaluator.metrics if isinstance(metric, TacoMetric)]
        return [metric for metric in metrics if self.enabled and metric.evaluation]

    def _write(
        self, runner: Runner, metric: TacoMetric, name: str, split: str, figures: dict[str, Figure]
    ) -> None:
        folder = Path(runner.log_dir)
        write_record(metric.evaluation, folder / 'evaluations' / f'{name}.json')
        for title, figure in figures.items():
            path = folder / 'figures' / split / f'{title}.png'
            save_figure(figure, path)
            _show(runner, f'{split}/{title}', path)
        runner.logger.info(f'{name}: figures in {folder / "figures" / split}')

    def _draw_images(
        self, runner: Runner, metric: TacoMetric, threshold: float
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Mosaics of the worst images and of the most confident errors."""
        dataset = runner.test_dataloader.dataset
        infos = map(dataset.get_data_info, range(len(dataset)))
        paths = {info['img_id']: info['img_path'] for info in infos}
        tested = np.isin(metric.truth.image, list(paths))  # all, unless the data set was cut down
        boxes = metric.truth[tested], metric.found
        worst = image_errors(*boxes, threshold).image[: self.images]
        classes, colours = metric.dataset_meta['classes'], metric.dataset_meta['palette']
        chosen = {image: paths[image] for image in worst.tolist()}
        if chosen:
            yield 'worst_images', mosaic_of_predictions(chosen, *boxes, classes, colours, threshold)
            errors = confident_errors(*boxes, threshold)
            yield 'errors', mosaic_of_errors(paths, *boxes, errors, classes)


def _draw(metric: TacoMetric) -> tuple[dict[str, Figure], float]:
    """Figures of an evaluation, by their names, and the confidence threshold that they are at."""
    classes, colours = metric.dataset_meta['classes'], metric.dataset_meta['palette']
    matches = match(metric.truth, metric.found)
    curves = score_curves(matches, len(classes))
    threshold, _ = best_f1(curves)
    threshold = 0.25 if np.isnan(threshold) else threshold  # where there is nothing to find
    boxes = metric.truth, metric.found, len(classes)
    matrix = confusion_matrix(*boxes, threshold)
    precision = precision_recall(matches, len(classes))
    figures = {
        'score_curves': plot_score_curves(curves, classes, colours),
        'precision_recall': plot_precision_recall(precision, classes, colours),
        'confusion_matrix': plot_confusion_matrix(matrix, classes),
        'confusion_matrix_normalised': plot_confusion_matrix(matrix, classes, normalised=True),
        'class_counts': plot_class_counts(*class_counts(*boxes, threshold), classes),
    }
    return figures, threshold


def _draw_training(runner: Runner) -> dict[str, Figure]:
    """Loss and mAP, where a local backend has logged them."""
    path = Path(runner.log_dir) / 'vis_data' / 'scalars.json'
    rows: list[dict[str, Any]] = read_scalars(path) if path.is_file() else []
    return {'training': plot_training(rows)} if rows else {}


def _show(runner: Runner, name: str, picture: np.ndarray | Path) -> None:
    """Gives a picture to the backends that do not write into the folder of the run."""
    for backend in runner.visualizer._vis_backends.values():
        if not isinstance(backend, LocalVisBackend):
            if isinstance(picture, Path):
                picture = np.asarray(Image.open(picture).convert('RGB'))
            backend.add_image(name, picture, step=runner.iter)
