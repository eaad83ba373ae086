"""Writes the results of every evaluation, as JSON and as plots."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from mmdet.registry import HOOKS
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import BaseVisBackend, LocalVisBackend
from PIL import Image

from ...evaluation import curves
from ...evaluation.detection_errors import choose_images, find_errors
from ...evaluation.detections import EvaluatedBoxes, write_evaluated_boxes
from ...evaluation.matching import match
from ...evaluation.record import EvaluatedRun, write_record
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
from .run_summary_hook import inner_datasets

_USUAL_THRESHOLD = 0.25
"""Least confidence of a box that is drawn, if there is no ground truth."""


@HOOKS.register_module()
class EvaluationReportHook(Hook):
    """Reports the results of each TacoMetric of the run.

    In the folder of the run, ``<work_dir>/<time>``, it writes ``evaluations/val_<epoch>.json`` or
    ``evaluations/test.json`` (see :mod:`taco_plugin.evaluation.record`). In ``figures/val``, for
    the last validation, or ``figures/test``, it writes:

    - ``score_curves.png``: precision, recall and F1 over the confidence threshold
    - ``precision_recall.png``: at IoU 0.50
    - ``confusion_matrix.png``, ``confusion_matrix_normalised.png`` and ``class_counts.png``, at the
      confidence threshold of the best F1
    - ``training.png``: loss parts and mAP so far; only for validations
    - ``worst_images.jpg`` and ``errors.jpg``: the images with most errors, and the most confident
      errors; only for tests, because reading photographs takes time

    For a test, ``evaluations/test.npz`` keeps the boxes, to compare runs image by image; see
    :func:`~taco_plugin.evaluation.detections.read_evaluated_boxes`.

    If there are several metrics, each but the first writes to a subfolder named after its prefix.
    Metrics are written before anything is drawn. If a report fails, the error is logged and the
    run continues. TensorBoard, WandB and other configured backends also get the plots, and the
    metrics of a test.

    Args:
        enabled: If False, nothing is written.
        images: Number of worst images to draw.
    """

    priority = 'VERY_LOW'  # after the metrics have been logged

    def __init__(self, enabled: bool = True, images: int = 8) -> None:
        self.enabled = enabled
        self.images = images

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Reports a validation."""
        name = f'val_{runner.epoch or runner.iter}'
        for metric, folder in self._evaluated(runner.val_evaluator):
            with _log_failure(runner, name):
                report = _Report(runner, metric, name, folder=folder)
                report.write_record(epoch=runner.epoch or None)
                report.save_plots(report.plot() | _plot_training(runner))

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Reports a test."""
        for metric, folder in self._evaluated(runner.test_evaluator):
            with _log_failure(runner, 'test'):
                report = _Report(runner, metric, 'test', folder=folder)
                report.write_record(checkpoint=runner._load_from)
                boxes = report.write_boxes()
                report.save_plots(report.plot())
                report.save_photos(boxes, count=self.images)
        with _log_failure(runner, 'test'):
            scalars = {f'test/{name}': value for name, value in (metrics or {}).items()}
            for backend in _other_backends(runner) if self.enabled else ():
                backend.add_scalars(scalars, step=runner.epoch or runner.iter)

    def _evaluated(self, evaluator: Evaluator) -> Iterator[tuple[TacoMetric, str]]:
        """Yields the metrics with results, which only the main process has, and their folders."""
        folders: list[str] = []
        for metric in evaluator.metrics if self.enabled else ():
            if isinstance(metric, TacoMetric) and metric.evaluation:
                name = re.sub(r'\W+', '_', metric.prefix or '').strip('_')
                unique = name if name and name not in folders else f'{name}{len(folders) + 1}'
                yield metric, unique if folders else ''
                folders.append(unique)


class _Report:
    """Writes the report of one metric, to a subfolder if it is not the main one."""

    def __init__(self, runner: Runner, metric: TacoMetric, name: str, *, folder: str) -> None:
        self.runner, self.metric, self.name = runner, metric, name
        split = name.partition('_')[0]
        self.path = Path(runner.log_dir, 'evaluations', folder, f'{name}.json')
        self.figures = Path(runner.log_dir, 'figures', split, folder)
        self.title = '/'.join(filter(None, (split, folder)))
        self.classes = metric.dataset_meta['classes']
        self.colours = metric.dataset_meta['palette']
        matches = match(metric.truth, metric.detections)
        self.curves = curves.score_curves(matches, len(self.classes))
        self.precision = curves.precision_recall(matches, len(self.classes))
        threshold, _ = curves.best_f1(self.curves)
        self.threshold = _USUAL_THRESHOLD if np.isnan(threshold) else threshold

    def write_record(self, epoch: int | None = None, checkpoint: str | None = None) -> None:
        """Writes the results, and what was evaluated, as JSON."""
        assert self.metric.evaluation is not None
        time = datetime.now().astimezone().isoformat(timespec='seconds')
        iteration = self.runner.iter
        run = EvaluatedRun(self.name, epoch, iteration, checkpoint=checkpoint, time=time)
        mean = curves.mean_curves(self.curves, self.precision)
        write_record(replace(self.metric.evaluation, run=run, curves=mean), self.path)

    def write_boxes(self) -> EvaluatedBoxes:
        """Writes the boxes of the tested images: all, unless the data set was reduced."""
        assert self.metric.evaluation is not None
        every = inner_datasets(self.runner.test_dataloader.dataset)
        path = self.metric.evaluation.ann_file
        datasets = [one for one in every if getattr(one, 'ann_file', None) == path] or every
        root = os.path.abspath(datasets[0].data_prefix['img'])
        infos = [dataset.get_data_info(n) for dataset in datasets for n in range(len(dataset))]
        images = {info['img_id']: os.path.relpath(info['img_path'], root) for info in infos}
        boxes = EvaluatedBoxes(
            folder=root,
            images=images,
            sizes={image: self.metric.image_sizes[image] for image in images},
            truth=self.metric.truth[np.isin(self.metric.truth.image, list(images))],
            detections=self.metric.detections,
        )
        write_evaluated_boxes(boxes, self.path.with_suffix('.npz'))
        return boxes

    def plot(self) -> dict[str, Figure]:
        """Draws the plots that need no photographs."""
        classes, colours = self.classes, self.colours
        boxes = self.metric.truth, self.metric.detections, len(classes)
        matrix = curves.confusion_matrix(*boxes, score_threshold=self.threshold)
        counts = curves.class_counts(*boxes, score_threshold=self.threshold)
        return {
            'score_curves': plot_score_curves(self.curves, classes, colours),
            'precision_recall': plot_precision_recall(self.precision, classes, colours),
            'confusion_matrix': plot_confusion_matrix(matrix, classes),
            'confusion_matrix_normalised': plot_confusion_matrix(matrix, classes, normalised=True),
            'class_counts': plot_class_counts(*counts, classes),
        }

    def save_plots(self, plots: Mapping[str, Figure]) -> None:
        """Writes plots as PNG files, and sends them to the backends."""
        for name, figure in plots.items():
            path = self.figures / f'{name}.png'
            save_figure(figure, path)
            _show(self.runner, f'{self.title}/{name}', path)
        self.runner.logger.info(f'{self.name}: plots in {self.figures}')

    def save_photos(self, kept: EvaluatedBoxes, *, count: int) -> None:
        """Draws the worst images and the most confident errors."""
        boxes = kept.truth, kept.detections
        worst = choose_images(kept.truth, [kept.detections], [self.threshold], count=count)
        if not worst:
            return
        chosen = {image: kept.paths[image] for image in worst}
        shared = {'classes': self.classes, 'sizes': kept.sizes}
        drawn = {
            'worst_images': mosaic_of_predictions(
                chosen, *boxes, colors=self.colours, score_threshold=self.threshold, **shared
            ),
            'errors': mosaic_of_errors(
                kept.paths, *boxes, errors=find_errors(*boxes, self.threshold), **shared
            ),
        }
        for name, picture in drawn.items():
            save_photo(picture, self.figures / f'{name}.jpg')
            _show(self.runner, f'{self.title}/{name}', picture)


@contextmanager
def _log_failure(runner: Runner, name: str) -> Iterator[None]:
    """Logs an error in a report, so that training or the scores of a test are not lost."""
    try:
        yield
    except Exception:
        runner.logger.exception(f'{name} could not be reported')


def _plot_training(runner: Runner) -> dict[str, Figure]:
    """Plots loss and mAP, if a local backend has logged them."""
    path = Path(runner.log_dir) / 'vis_data' / 'scalars.json'
    rows = read_scalars(path) if path.is_file() else []
    return {'training': plot_training(rows)} if rows else {}


def _show(runner: Runner, name: str, picture: np.ndarray | Path) -> None:
    """Sends a picture to the backends that do not write to the folder of the run."""
    for backend in _other_backends(runner):
        if isinstance(picture, Path):
            picture = np.asarray(Image.open(picture).convert('RGB'))
        backend.add_image(name, picture, step=runner.epoch or runner.iter)


def _other_backends(runner: Runner) -> list[BaseVisBackend]:
    backends = runner.visualizer._vis_backends.values()
    return [backend for backend in backends if not isinstance(backend, LocalVisBackend)]
