"""Scores Detectron2's predictions as TacoMetric scores MMDetection's."""

import logging
import math
import os
from collections import OrderedDict
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm
from detectron2.utils.events import get_event_storage, has_event_storage
from pycocotools import mask as coco_mask

from ..errors import InputError
from ..evaluation.coco_scores import IouType
from ..evaluation.detections import Prediction, drop_not_finite, map_to_original
from ..evaluation.evaluate import Evaluation, evaluate, read_truth
from ..evaluation.metrics import Metrics, ScoreSettings
from ..taxonomies.palette import palette
from ..visualization import plot_training
from ..visualization.evaluation_report import EvaluationReport
from ..visualization.training import METRIC, read_detectron2_log

_NAMES = {
    **{'AP': 'mAP', 'AP50': 'mAP_50', 'AP75': 'mAP_75'},
    **{'APs': 'mAP_s', 'APm': 'mAP_m', 'APl': 'mAP_l'},
}
"""Detectron2's name of a metric -> MMDetection's."""

_logger = logging.getLogger(__name__)


class TacoEvaluator(DatasetEvaluator):
    """COCO's and the study's metrics, and the same record and plots as in MMDetection.

    Within a training, it writes ``evaluations/val_<iterations>.json`` and plots to
    ``figures/val``. Otherwise, it takes the evaluation for a test, and writes
    ``evaluations/test.json``, the boxes as ``evaluations/test.npz``, their numbers as
    ``evaluations/test_counts.csv``, and plots and photographs to ``figures/test``; see
    :class:`~taco_plugin.visualization.evaluation_report.EvaluationReport`.
    If these cannot be written, the error is logged and the run continues.

    ``prepare_taco.py --max-side`` does not change scores: detections are mapped back to the
    originals. After :meth:`evaluate`, the main process has the results as ``evaluation``.

    Args:
        dataset_name: Of :func:`~.datasets.register_taco`, or of any data set whose metadata has
            ``json_file`` and ``thing_classes``.
        output_dir: Folder of the run; nothing is written by default.
        tasks: ``bbox``, ``segm`` or both; by default both if there are masks, else ``bbox``.
        distributed: Whether the predictions of all processes are gathered.
        checkpoint: Path of the weights of a test, for the record.
        iou_thresholds: Thresholds that the study's ``map`` averages over, in (0, 1].
        images: Number of worst images to draw of a test.

    Raises:
        InputError: If an argument is not as described. With the first image: if the annotation
            file cannot be read or has other classes. At the end: if a prediction refers to an
            image or a class that the file lacks.
    """

    evaluation: Evaluation | None

    def __init__(
        self,
        dataset_name: str,
        output_dir: str | None = None,
        *,
        tasks: Sequence[IouType] | None = None,
        distributed: bool = True,
        checkpoint: str | None = None,
        iou_thresholds: Sequence[float] = (0.25, 0.5, 0.75),
        images: int = 8,
    ) -> None:
        meta = MetadataCatalog.data.get(dataset_name)  # its own `get` would add an empty one
        if not hasattr(meta, 'json_file') or not hasattr(meta, 'thing_classes'):
            raise InputError(
                f'no annotation file is known of the data set {dataset_name!r}; register it with '
                'taco_plugin.d2.datasets.register_taco (there are '
                f'{", ".join(DatasetCatalog.list())})'
            )
        if tasks is not None and (not tasks or not set(tasks) <= {'bbox', 'segm'}):
            raise InputError(f"tasks must be of ['bbox', 'segm'], but is {tasks}")
        self.dataset_name, self.metadata = dataset_name, meta
        self.output_dir, self.tasks, self.distributed = output_dir, tasks, distributed
        self.checkpoint, self.images = checkpoint, images
        self.settings = ScoreSettings(study_iou=tuple(iou_thresholds))
        self.reset()

    def reset(self) -> None:
        """Forgets all predictions and results."""
        self.evaluation = None
        self._predictions: list[Prediction] = []
        self._truth: Any = None

    def process(self, inputs: Sequence[dict], outputs: Sequence[dict]) -> None:
        """Stores the predictions of a batch, as Detectron2's models return them."""
        _, scaled = self._read_truth()
        for given, output in zip(inputs, outputs, strict=True):
            prediction = make_prediction(given, output['instances'].to('cpu'))
            image = scaled.get(given['image_id'])
            self._predictions.append(map_to_original(prediction, image) if image else prediction)

    def evaluate(self) -> OrderedDict[str, dict[str, float]]:
        """Scores all predictions.

        Returns:
            In the main process, Detectron2's metrics under its names, in percent, or NaN without
            ground truth: ``AP``, ``AP50``, ``AP75``, ``APs``, ``APm``, ``APl`` and ``AP-<class>``
            of ``bbox`` and ``segm``. In other processes nothing.
        """
        predictions = self._predictions
        if self.distributed:
            comm.synchronize()
            predictions = list(chain(*comm.gather(predictions, dst=0)))
            if not comm.is_main_process():
                return OrderedDict()
        predictions = drop_not_finite(predictions, _logger)
        kinds: list[IouType] = list(self.tasks or ['bbox'])
        if self.tasks is None and any('masks' in row for row in predictions):
            kinds.append('segm')
        self.evaluation = evaluate(
            self._read_truth()[0],
            predictions,
            kinds,
            meta={
                'classes': self.metadata.thing_classes,
                'taxonomy': self.metadata.get('taxonomy'),
                'ann_file': self.metadata.json_file,
            },
            settings=self.settings,
            logger=_logger,
        )
        if self.output_dir is not None:
            try:
                self._report(self.evaluation, self.output_dir)
            except Exception:  # so that training is not lost
                _logger.exception('the evaluation could not be reported')
        record = self.evaluation.record
        of_kind = record.metrics.items()
        return OrderedDict((kind, _in_percent(one, record.classes)) for kind, one in of_kind)

    def _read_truth(self) -> Any:  # noqa: ANN401
        """What :func:`~taco_plugin.evaluation.evaluate.read_truth` returns, read once."""
        if self._truth is None:
            meta = self.metadata
            taxonomy = meta.get('taxonomy')
            self._truth = read_truth(meta.json_file, meta.thing_classes, taxonomy)
        return self._truth

    def _report(self, evaluation: Evaluation, folder: str) -> None:
        iterations = _trained_iterations()
        name = 'test' if iterations is None else f'val_{iterations}'
        colours = self.metadata.get('thing_colors') or palette(len(evaluation.record.classes))
        report = EvaluationReport(evaluation, name, folder, colours=colours, logger=_logger)
        if iterations is None:
            report.write_record(iteration=0, checkpoint=self.checkpoint)
            boxes = report.write_boxes(*self._name_photographs())
            report.save_plots(report.plot())
            report.save_photos(boxes, count=self.images)
            return
        report.write_record(iteration=iterations)
        log = os.path.join(folder, 'metrics.json')
        is_written = os.path.isfile(log) and os.path.getsize(log) > 0
        rows = read_detectron2_log(log) if is_written else []
        rows.append({'step': iterations, METRIC: evaluation.record.main_metrics.coco['mAP']})
        report.save_plots({**report.plot(), 'training': plot_training(rows)})

    def _name_photographs(self) -> tuple[str, dict[int, str]]:
        """Folder of the photographs, and image id -> name of the file in it."""
        dicts = DatasetCatalog.get(self.dataset_name)
        root = os.path.abspath(self.metadata.get('image_root') or '')
        names = {row['image_id']: os.path.relpath(row['file_name'], root) for row in dicts}
        return root, names


def make_prediction(given: dict[str, Any], instances: Any) -> Prediction:  # noqa: ANN401
    """Converts the detections in one image, in pixels of its photograph.

    Args:
        given: What the model was given: ``image_id``, ``height`` and ``width`` of the photograph,
            and ``image``, the resized one, of shape (C, H, W).
        instances: Detectron2's ``Instances`` in the memory of the CPU, with ``pred_boxes``,
            ``pred_classes``, ``scores`` and perhaps ``pred_masks`` (bool, shape (N, H, W)).
    """
    height, width = given['image'].shape[-2:]
    prediction: dict[str, Any] = {
        'img_id': given['image_id'],
        'bboxes': instances.pred_boxes.tensor.numpy(),
        'scores': instances.scores.numpy(),
        'labels': instances.pred_classes.numpy(),
        'scale_factor': (width / given['width'], height / given['height']),
    }
    if instances.has('pred_masks'):
        bitmaps = instances.pred_masks.numpy()
        masks = [coco_mask.encode(np.asfortranarray(bitmap, dtype=np.uint8)) for bitmap in bitmaps]
        prediction['masks'] = [{**mask, 'counts': mask['counts'].decode()} for mask in masks]
    return prediction


def _trained_iterations() -> int | None:
    """How many iterations have been trained; None outside of a training.

    During the last evaluation, the storage counts one iteration more than during others, so the
    last one that anything was logged of is taken.
    """
    if not has_event_storage():
        return None
    storage = get_event_storage()
    logged = [step for name, (_, step) in storage.latest().items() if name in ('total_loss', 'lr')]
    return max(logged, default=storage.iter) + 1


def _in_percent(metrics: Metrics, classes: Sequence[str]) -> dict[str, float]:
    values = {name: metrics.coco[ours] for name, ours in _NAMES.items()}
    of_classes = zip(classes, metrics.per_class.AP, strict=True)
    values |= {f'AP-{shown}': value for shown, value in of_classes}
    return {name: 100 * value if value >= 0 else math.nan for name, value in values.items()}
