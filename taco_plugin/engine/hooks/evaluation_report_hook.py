"""Writes what every evaluation found, as JSON and as pictures."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from mmdet.registry import HOOKS
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import BaseVisBackend, LocalVisBackend
from PIL import Image

from ...evaluation.confusion import class_counts, confusion_matrix
from ...evaluation.curves import best_f1, precision_recall, score_curves
from ...evaluation.detection_errors import confident_errors, image_errors
from ...evaluation.detections import Detections, write_detections
from ...evaluation.matching import match
from ...evaluation.record import Record, make_curves, write_record
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

    Of a test, ``evaluations/test.npz`` keeps the boxes, see
    :func:`~taco_plugin.evaluation.detections.read_detections`: to compare runs image by image.

    TensorBoard, WandB and other backends that are configured get the pictures too, and the figures
    of a test.

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
            epoch = runner.epoch or None
            name = f'val_{epoch or runner.iter}'
            try:
                drawn = _draw(metric)
                figures = drawn.figures | _draw_training(runner)
                self._write(runner, _record(runner, metric, drawn, name, epoch), figures, 'val')
            except Exception:
                runner.logger.exception(f'{name} could not be reported')

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Reports a test."""
        for metric in self._metrics(runner.test_evaluator):
            drawn = _draw(metric)
            detections = _detections(runner, metric)
            path = Path(runner.log_dir) / 'evaluations' / 'test.npz'
            write_detections(detections, path)
            self._write(runner, _record(runner, metric, drawn, 'test', None), drawn.figures, 'test')
            for name, picture in self._draw_images(metric, detections, drawn.threshold):
                path = Path(runner.log_dir) / 'figures' / 'test' / f'{name}.jpg'
                save_photo(picture, path)
                _show(runner, f'test/{name}', picture)
            scalars = {f'test/{name}': figure for name, figure in (metrics or {}).items()}
            for backend in _other_backends(runner):  # MMEngine gives them validations alone
                backend.add_scalars(scalars, step=runner.epoch or runner.iter)

    def _metrics(self, evaluator: Evaluator) -> list[TacoMetric]:
        """The metrics that have evaluated in this process, the main one of several."""
        metrics = [metric for metric in evaluator.metrics if isinstance(metric, TacoMetric)]
        return [metric for metric in metrics if self.enabled and metric.evaluation]

    def _write(
        self, runner: Runner, record: Record, figures: dict[str, Figure], split: str
    ) -> None:
        folder, name = Path(runner.log_dir), record['run']['name']
        write_record(record, folder / 'evaluations' / f'{name}.json')
        for title, figure in figures.items():
            path = folder / 'figures' / split / f'{title}.png'
            save_figure(figure, path)
            _show(runner, f'{split}/{title}', path)
        runner.logger.info(f'{name}: figures in {folder / "figures" / split}')

    def _draw_images(
        self, metric: TacoMetric, detections: Detections, threshold: float
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Mosaics of the worst images and of the most confident errors."""
        paths, boxes = detections.paths, (detections.truth, detections.found)
        classes, colours = metric.dataset_meta['classes'], metric.dataset_meta['palette']
        worst = image_errors(*boxes, threshold).image[: self.images]
        chosen = {image: paths[image] for image in worst.tolist()}
        if chosen:
            yield 'worst_images', mosaic_of_predictions(chosen, *boxes, classes, colours, threshold)
            errors = confident_errors(*boxes, threshold)
            yield 'errors', mosaic_of_errors(paths, *boxes, errors, classes)


class _Drawn(NamedTuple):
    """Figures by their names, the confidence threshold that they are at, and mean curves."""

    figures: dict[str, Figure]
    threshold: float
    curves: Record | None


def _draw(metric: TacoMetric) -> _Drawn:
    """Draws an evaluation."""
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
    return _Drawn(figures, threshold, make_curves(curves, precision))


def _record(
    runner: Runner, metric: TacoMetric, drawn: _Drawn, name: str, epoch: int | None
) -> Record:
    run = {
        'name': name,
        'epoch': epoch,
        'iteration': runner.iter,
        'checkpoint': runner._load_from if name == 'test' else None,
        'time': datetime.now().astimezone().isoformat(timespec='seconds'),
    }
    return metric.evaluation | {'run': run, 'curves': drawn.curves}


def _detections(runner: Runner, metric: TacoMetric) -> Detections:
    """Boxes of the images that were tested: all, unless the data set was cut down."""
    dataset = runner.test_dataloader.dataset
    folder = os.path.abspath(dataset.data_prefix['img'])
    infos = map(dataset.get_data_info, range(len(dataset)))
    images = {info['img_id']: os.path.relpath(info['img_path'], folder) for info in infos}
    truth = metric.truth[np.isin(metric.truth.image, list(images))]
    return Detections(folder, images, truth, metric.found)


def _draw_training(runner: Runner) -> dict[str, Figure]:
    """Loss and mAP, where a local backend has logged them."""
    path = Path(runner.log_dir) / 'vis_data' / 'scalars.json'
    rows: list[dict[str, Any]] = read_scalars(path) if path.is_file() else []
    return {'training': plot_training(rows)} if rows else {}


def _show(runner: Runner, name: str, picture: np.ndarray | Path) -> None:
    """Gives a picture to the backends that do not write into the folder of the run."""
    for backend in _other_backends(runner):
        if isinstance(picture, Path):
            picture = np.asarray(Image.open(picture).convert('RGB'))
        backend.add_image(name, picture, step=runner.epoch or runner.iter)


def _other_backends(runner: Runner) -> list[BaseVisBackend]:
    backends = runner.visualizer._vis_backends.values()
    return [backend for backend in backends if not isinstance(backend, LocalVisBackend)]
