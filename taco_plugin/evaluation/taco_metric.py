"""COCO's figures for TACO."""

from collections.abc import Sequence
from typing import Any

from mmdet.datasets.api_wrappers import COCO
from mmdet.evaluation import CocoMetric
from mmdet.registry import METRICS

from ..coco import load_for_taxonomy, read_coco
from ..coco.index import index_coco, order_categories
from ..taxonomies import load_taxonomy


@METRICS.register_module()
class TacoMetric(CocoMetric):
    """COCO's figures under their stock names, and AP of each class.

    Unlike ``CocoMetric``, it needs no annotation file of its own: it scores against the one that
    the evaluated data set has read, cleaned and mapped in the same way, so that overriding a data
    loader reaches it. It scores and names each class rightly whatever the order of the file's
    categories.

    Args:
        ann_file: Annotation file; by default the data set's.
        metric: As for ``CocoMetric``: ``bbox``, ``segm``, or a list of them.
        classwise: Whether AP of each class is reported, as ``<class>_precision``.
        kwargs: As for ``CocoMetric``.

    Raises:
        InputError: When the first image is scored, if the categories of the file are not the
            classes of the data set.
    """

    def __init__(
        self,
        ann_file: str | None = None,
        metric: str | list[str] = 'bbox',
        classwise: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(ann_file=None, metric=metric, classwise=classwise, **kwargs)
        self.ann_file = ann_file
        self._coco_api: COCO | None = None

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keeps the predictions of a batch."""
        if self._coco_api is None:
            self._coco_api = self._read_ground_truth()
        super().process(data_batch, data_samples)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Figures from the predictions of all images, each in [0, 1], or -1 without boxes."""
        if self._coco_api is None:  # a rank that was given no image
            self._coco_api = self._read_ground_truth()
        return super().compute_metrics(results)

    def _read_ground_truth(self) -> COCO | None:
        """The data set's annotations, category ids 1..K in the order of its classes."""
        meta = self.dataset_meta or {}
        path = self.ann_file or meta.get('ann_file')
        if path is None:
            return None
        if 'taxonomy' in meta:
            coco, _ = load_for_taxonomy(path, load_taxonomy(meta['taxonomy']))
        else:
            coco = read_coco(path)
        return index_coco(order_categories(coco, meta['classes']), _GroundTruth)


class _GroundTruth(COCO):
    """Accepts that nothing was detected, for which pycocotools fails and MMDetection gives up."""

    def loadRes(self, resFile: list[dict]) -> COCO:  # noqa: N802, N803
        if resFile:
            return super().loadRes(resFile)
        return index_coco({**self.dataset, 'annotations': []}, COCO)
