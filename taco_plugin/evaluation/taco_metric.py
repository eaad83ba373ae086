"""COCO's and the study's metrics for TACO."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.datasets.api_wrappers import COCO
from mmdet.evaluation import CocoMetric
from mmdet.registry import METRICS
from mmengine.logging import MMLogger

from ..coco import Coco, index_coco
from ..errors import InputError
from .detections import Prediction, drop_not_finite, map_to_original
from .evaluate import Evaluation, evaluate, read_truth
from .metrics import ScoreSettings, flatten_metrics
from .record import Record

_WITHOUT_EFFECT = ('backend_args', 'file_client_args', 'sort_categories', 'use_mp_eval')
_USUAL_ITEMS = ['mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l']


@METRICS.register_module()
class TacoMetric(CocoMetric):
    """COCO's metrics under their stock names, the study's metrics, and those of each class.

    Unlike ``CocoMetric``, it needs no annotation file of its own. It scores against the file of the
    evaluated data set, cleaned and mapped in the same way, so that overriding the data loader is
    enough. It works with any order of categories in that file. If ``prepare_taco.py --max-side``
    has scaled the photographs, it maps detections back, so that scores and sizes are those in the
    originals. Metrics are not rounded, and are -1 if there is no ground truth:

    - ``bbox_mAP``, ``bbox_mAP_50`` and so on: ``CocoMetric``'s.
    - ``bbox_mAP_s_input``, ``_m_input``, ``_l_input``: AP of small, medium and large boxes, by
      their size after the image was resized for the network.
    - ``bbox_study_map``, ``bbox_study_map_50`` and so on: the metrics of torchmetrics'
      ``MeanAveragePrecision`` for ``iou_thresholds``.
    - ``bbox_<class>_AP``, ``bbox_<class>_AP50`` and ``bbox_<class>_AR100``.

    With ``metric='segm'``, the metrics of masks begin with ``segm_``.

    After an evaluation, these attributes are set in the main process: ``evaluation`` (an
    :class:`~.evaluate.Evaluation`; None before), and ``names`` (of all metrics that were returned).

    Args:
        ann_file: Annotation file; by default the data set's, or the ground truth of the samples
            if it has none.
        metric: ``bbox``, ``segm``, or a list of them.
        classwise: Whether the metrics of each class are returned.
        iou_thresholds: Thresholds that the study's ``map`` averages over, in (0, 1].
        size_at_input: Whether to also score boxes by their size at the network's input.
        kwargs: As for ``CocoMetric``; ``proposal_nums`` must include 100.

    Raises:
        InputError: If an argument is not as described or would have no effect. When the first
            image is scored: if the categories of the file are not the classes of the data set.
            At the end: if a prediction refers to an image or a class that the file lacks.
    """

    metric_items: list[str]
    _coco_api: COCO | None

    def __init__(
        self,
        ann_file: str | None = None,
        metric: str | list[str] = 'bbox',
        classwise: bool = True,
        *,
        iou_thresholds: Sequence[float] = (0.25, 0.5, 0.75),
        size_at_input: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        _check_arguments(metric, kwargs)
        super().__init__(ann_file=None, metric=metric, classwise=classwise, **kwargs)
        iou, limits = tuple(np.atleast_1d(self.iou_thrs)), tuple(self.proposal_nums)
        self.settings = ScoreSettings(iou, tuple(iou_thresholds), limits)
        self.metric_items = self.metric_items or _USUAL_ITEMS
        names = self.settings.coco_names
        if unknown := sorted(set(self.metric_items) - set(names)):
            raise InputError(f'metric_items must be of {names}, but has {unknown}')
        self.ann_file = ann_file
        self.size_at_input = size_at_input
        self.evaluation: Evaluation | None = None
        self.names: set[str] = set()
        self._scaled_images: dict[int, dict] = {}

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Stores the predictions of a batch, and the scale factors of its images."""
        self._read_ground_truth()
        count = len(self.results)
        super().process(data_batch, data_samples)
        for (_, prediction), sample in zip(self.results[count:], data_samples, strict=True):
            if 'scale_factor' in sample:
                prediction['scale_factor'] = tuple(map(float, sample['scale_factor'][:2]))
            if prediction['img_id'] in self._scaled_images:
                image = self._scaled_images[prediction['img_id']]
                prediction.update(map_to_original(prediction, image))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Computes the metrics over all images, each in [0, 1], or -1 without true boxes."""
        self._read_ground_truth()  # in case this process was given no image
        truth = self._coco_api.dataset if self._coco_api else self._convert_ground_truth(results)
        predictions = drop_not_finite(
            [prediction for _, prediction in results], MMLogger.get_current_instance()
        )
        if self.outfile_prefix is not None:
            self._write_results(truth, predictions)
        if self.format_only:
            return {}
        self.evaluation = self._evaluate(truth, predictions)
        return self._flatten(self.evaluation.record)

    def preview(self) -> set[str]:
        """Names of the metrics to expect, as far as the ground truth is a file; reads the file."""
        self._read_ground_truth()
        if self._coco_api is not None:
            nothing = dict.fromkeys(('labels', 'bboxes', 'scores'), np.empty((0, 4)))
            images = [image['id'] for image in self._coco_api.dataset['images']]
            found = [{'img_id': image, 'scale_factor': (1.0, 1.0), **nothing} for image in images]
            self._flatten(self._evaluate(self._coco_api.dataset, found).record)
        return self.names

    def _evaluate(self, truth: Coco, predictions: Sequence[Prediction]) -> Evaluation:
        meta = dict(self.dataset_meta or {})
        meta['ann_file'] = self.ann_file or meta.get('ann_file')
        return evaluate(
            truth,
            predictions,
            self.metrics,
            meta=meta,
            settings=self.settings,
            size_at_input=self.size_at_input,
            logger=MMLogger.get_current_instance(),
        )

    def _flatten(self, record: Record) -> dict[str, float]:
        flat: dict[str, float] = {}
        for kind, metrics in record.metrics.items():
            classes = record.classes if self.classwise else ()
            of_kind = flatten_metrics(metrics, classes, self.metric_items)
            flat |= {f'{kind}_{name}': value for name, value in of_kind.items()}
        self.names = {f'{self.prefix}/{name}' if self.prefix else name for name in flat}
        return flat

    def _read_ground_truth(self) -> None:
        """Reads the data set's annotations, with category ids 1..K in the order of its classes."""
        meta = self.dataset_meta or {}
        path = self.ann_file or meta.get('ann_file')
        if path is None or self._coco_api is not None:
            return
        coco, self._scaled_images = read_truth(path, meta['classes'], meta.get('taxonomy'))
        self._coco_api = index_coco(coco, COCO)

    def _convert_ground_truth(self, results: list) -> Coco:
        """Makes a COCO file from the samples' ground truth; category ids are the labels."""
        with tempfile.TemporaryDirectory() as folder:
            path = self.gt_to_coco_json([truth for truth, _ in results], f'{folder}/samples')
            return {'annotations': [], **json.loads(Path(path).read_bytes())}

    def _write_results(self, truth: Coco, predictions: list[Prediction]) -> None:
        """Writes the predictions as files of COCO results."""
        self.cat_ids = [category['id'] for category in truth['categories']]
        nothing: Prediction = {'labels': [], 'bboxes': [], 'scores': []}
        self.results2json(predictions or [nothing], self.outfile_prefix)
        folder = Path(self.outfile_prefix).parent
        MMLogger.get_current_instance().info(f'results are saved in {folder}')


def _check_arguments(metric: str | list[str], arguments: Mapping[str, Any]) -> None:
    metrics = metric if isinstance(metric, list) else [metric]
    if not metrics or not set(metrics) <= {'bbox', 'segm'}:
        raise InputError(
            f"metric must be of ['bbox', 'segm'], but is {metric}; CocoMetric scores proposals"
        )
    for name in _WITHOUT_EFFECT:
        if arguments.get(name):
            raise InputError(f'{name} has no effect on TacoMetric; leave it out')
    if arguments.get('format_only') and arguments.get('outfile_prefix') is None:
        raise InputError('format_only needs an outfile_prefix')
