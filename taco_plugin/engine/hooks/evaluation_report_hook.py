"""Writes the results of every evaluation, as JSON and as plots."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from mmdet.registry import HOOKS
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import BaseVisBackend, LocalVisBackend
from PIL import Image

from ...errors import InputError
from ...evaluation.taco_metric import TacoMetric
from ...visualization import plot_training, read_scalars
from ...visualization.evaluation_report import EvaluationReport
from .run_summary_hook import inner_datasets


@HOOKS.register_module()
class EvaluationReportHook(Hook):
    """Reports the results of each TacoMetric of the run.

    In the folder of the run, ``<work_dir>/<time>``, it writes ``evaluations/val_<epoch>.json`` or
    ``evaluations/test.json`` (see :mod:`taco_plugin.evaluation.record`). In ``figures/val``, for
    the last validation, or ``figures/test``, it writes:

    - ``score_curves.png``: precision, recall and F1 over the confidence threshold
    - ``precision_recall.png``: at IoU 0.50
    - ``confusion_matrix.png``, ``confusion_matrix_normalised.png``, ``class_counts.png`` and
      ``count_errors.png``, at the confidence threshold of the best F1
    - ``training.png``: loss parts and mAP so far; only for validations
    - ``worst_images.jpg`` and ``errors.jpg``: the images with most errors, and the most confident
      errors; only for tests, because reading photographs takes time

    For a test, ``evaluations/test.npz`` keeps the boxes, to compare runs image by image; see
    :func:`~taco_plugin.evaluation.detections.read_evaluated_boxes`. ``evaluations/test_counts.csv``
    has the true and the detected boxes of each class in each image, at the same threshold.

    If there are several metrics, each but the first writes to a subfolder named after its prefix.
    Metrics are written before anything is drawn. If a report fails, the error is logged and the
    run continues. TensorBoard, WandB and other configured backends also get the plots, and the
    metrics of a test.

    Args:
        enabled: If False, nothing is written.
        images: Number of worst images to draw.
    """

    priority = 'LOW'  # after the metrics have been logged, before the best checkpoint is saved

    def __init__(self, enabled: bool = True, images: int = 8) -> None:
        if images < 0:
            raise InputError(f'images must be 0 or more, but is {images}')
        self.enabled = enabled
        self.images = images

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Reports a validation."""
        name = f'val_{runner.epoch or runner.iter}'
        for metric, folder in self._evaluated(runner.val_evaluator):
            with _log_failure(runner, name):
                report = _make_report(runner, metric, name, folder=folder)
                report.write_record(epoch=runner.epoch or None, iteration=runner.iter)
                report.save_plots(report.plot() | _plot_training(runner))

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Reports a test."""
        for metric, folder in self._evaluated(runner.test_evaluator):
            with _log_failure(runner, 'test'):
                report = _make_report(runner, metric, 'test', folder=folder)
                report.write_record(iteration=runner.iter, checkpoint=runner._load_from)
                ann_file = report.evaluation.record.ann_file
                boxes = report.write_boxes(*_evaluated_photographs(runner, ann_file))
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


def _make_report(runner: Runner, metric: TacoMetric, name: str, *, folder: str) -> EvaluationReport:
    assert metric.evaluation is not None
    return EvaluationReport(
        metric.evaluation,
        name,
        runner.log_dir,
        colours=metric.dataset_meta['palette'],
        subfolder=folder,
        show=partial(_show, runner),
        logger=runner.logger,
    )


def _evaluated_photographs(runner: Runner, ann_file: str | None) -> tuple[str, dict[int, str]]:
    """Folder of the tested photographs, and image id -> name of the file in it."""
    every = inner_datasets(runner.test_dataloader.dataset)
    datasets = [one for one in every if getattr(one, 'ann_file', None) == ann_file] or every
    root = os.path.abspath(datasets[0].data_prefix['img'])
    infos = [dataset.get_data_info(n) for dataset in datasets for n in range(len(dataset))]
    return root, {info['img_id']: os.path.relpath(info['img_path'], root) for info in infos}


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
