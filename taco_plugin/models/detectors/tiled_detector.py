"""Detection of small objects in overlapping tiles of large images."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.utils import ConfigType
from mmengine.structures import InstanceData

from ...errors import InputError
from ...options import checked
from .merging import Overlap, Rule, merge_views
from .view_results import cut_view, describe_view, draw_masks, locate, scale_of
from .views import View, cut_views

_VISIBLE = 0.05
"""Smallest object that the whole image shows well, as a fraction of its longest side."""

_SMALLEST = 64
"""Smallest size of a tile in pixels: the stride of the coarsest feature maps is 32 or more."""


@dataclass(frozen=True)
class Tiling:
    """How images are cut into tiles, and how what is found in them is merged.

    Pixels are those of the images that the pipeline gives to the detector.

    Args:
        tile_size: Longest side of a tile and, if there are several, of the whole image as one more
            view, in pixels.
        overlap: Share of a tile that it has in common with the next, at least; in [0, 0.9].
        whole_image: Whether the detector also sees the whole image, made smaller.
        largest_in_tiles: Largest object that tiles speak for, if the whole image is seen too: the
            square root of the area of its box, as a fraction of ``tile_size``. A tile shows parts
            of larger ones, which look like objects. In images of many tiles it is a twentieth of
            the image, as the whole shows nothing smaller well.
        tile_score: Factor for the scores in tiles, > 0. Tiles show many times more background than
            the whole image, and so more of what is taken for litter.
        batch_size: Number of views that the network sees at a time, which bounds its memory; by
            default 4, but 1 on a CPU, which is slower with larger batches.
        merge: What becomes of boxes that are one object: ``nms`` keeps the best of them, ``nmm``
            (non-maximum merging) joins them all to one box and one mask, which suits detections of
            high scores only.
        merge_overlap: Measure of their overlap, see :func:`~.merging.pairwise_overlap`.
        merge_threshold: Overlap above which they are one object, in [0, 1].
        max_per_image: Limit of the detections per image.

    Raises:
        InputError: If an argument is out of range.
    """

    tile_size: int = 640
    overlap: float = 0.2
    whole_image: bool = True
    largest_in_tiles: float = 0.125
    tile_score: float = 0.6
    batch_size: int | None = None
    merge: Rule = 'nms'
    merge_overlap: Overlap = 'iou'
    merge_threshold: float = 0.5
    max_per_image: int = 300

    def __post_init__(self) -> None:
        bounds = {
            'tile_size': (_SMALLEST, math.inf),
            'overlap': (0, 0.9),
            'largest_in_tiles': (0, math.inf),
            'tile_score': (0, math.inf),
            'batch_size': (1, math.inf),
            'merge_threshold': (0, 1),
            'max_per_image': (1, math.inf),
        }
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                limits = f'[{least}, {most}]'
                raise InputError(f'model.tiling.{name} must be in {limits}, but is {value}')

    def cut(self, shape: tuple[int, int], image: int = 0) -> list[View]:
        """Views of an image with this height and width, see :func:`~.views.cut_views`."""
        return cut_views(image, shape, self.tile_size, self.overlap, whole=self.whole_image)

    def predict(
        self, step: Callable[[dict], list[DetDataSample]], data: dict, device: torch.device
    ) -> list[DetDataSample]:
        """Runs ``step``, the detector's own ``test_step``, on all views, and merges the results.

        If no image of the batch is larger than a tile, ``step`` is run as it is. ``device`` is the
        detector's.
        """
        images, samples = data['inputs'], data['data_samples']
        views = [
            view for index, image in enumerate(images) for view in self.cut(image.shape[-2:], index)
        ]
        if len(views) == len(images):
            return step(data)
        found: list[list[InstanceData]] = [[] for _ in images]
        batch_size = self.batch_size or (1 if device.type == 'cpu' else 4)
        for batch in _batches(views, batch_size):
            outputs = step(
                {
                    'inputs': [cut_view(images[view.image], view) for view in batch],
                    'data_samples': [describe_view(samples[view.image], view) for view in batch],
                }
            )
            for view, output in zip(batch, outputs, strict=True):
                instances = locate(output.pred_instances, view, samples[view.image])
                found[view.image].append(self._trust(instances, view, samples[view.image]))
        for sample, parts in zip(samples, found, strict=True):
            sample.pred_instances = self._merge(InstanceData.cat(parts), sample.ori_shape)
        return samples

    def _trust(self, found: InstanceData, view: View, sample: DetDataSample) -> InstanceData:
        """Weighs the scores of a tile, and leaves large objects to the whole image."""
        if view.is_whole:
            return found
        found.scores = found.scores * self.tile_score
        if not self.whole_image:
            return found
        sides = (found.bboxes[:, 2:] - found.bboxes[:, :2]) * scale_of(sample, found.bboxes)[:2]
        largest = max(self.largest_in_tiles * self.tile_size, _VISIBLE * max(sample.img_shape))
        return found[sides.prod(dim=1).sqrt() <= largest]

    def _merge(self, found: InstanceData, shape: tuple[int, int]) -> InstanceData:
        """Merges what :func:`~.view_results.locate` found in the views of an image of ``shape``."""
        columns = (found[key].numpy(force=True) for key in ('bboxes', 'scores', 'labels', 'is_cut'))
        groups = merge_views(*columns, overlap=self.merge_overlap, threshold=self.merge_threshold)
        groups = groups[: self.max_per_image]
        merged = found[np.array([group[0] for group in groups], dtype=np.int64)]
        if self.merge == 'nms':
            groups = [group[:1] for group in groups]
        else:
            for row, group in enumerate(groups):
                merged.bboxes[row, :2] = found.bboxes[group, :2].amin(dim=0)
                merged.bboxes[row, 2:] = found.bboxes[group, 2:].amax(dim=0)
        if 'masks' in found:
            merged.masks = draw_masks(found.masks, groups, shape).to(found.bboxes.device)
        del merged.is_cut
        return merged


class Tiled(BaseDetector):
    """Makes a detector look at tiles; what :func:`build_tiled_detector` builds is one of these."""

    tiling: Tiling

    def test_step(self, data: dict) -> list[DetDataSample]:
        """Detects objects in images of any size, of which there is a batch as from a pipeline."""
        return self.tiling.predict(super().test_step, data, self.data_preprocessor.device)

    val_step = test_step


@MODELS.register_module(name='TiledDetector')
def build_tiled_detector(
    detector: str = '',
    tiling: ConfigType | None = None,
    **config: Any,  # noqa: ANN401
) -> Tiled:
    """Builds any MMDetection detector such that it finds small objects in tiles of large images.

    ``TiledDetector`` is its type in a config::

        model = dict(type='TiledDetector', detector='YOLOX', tiling=dict(tile_size=640))

    It trains as it did. When it validates, tests or predicts, it sees the tiles of what the
    pipeline yields, so that a ``Resize`` sets their scale; :func:`taco_plugin.config.use_tiles`
    puts both into a config. In an image that is not larger than a tile it finds what it found
    before. The memory that it needs depends on ``tiling.batch_size``, not on the size of the image,
    but for the image and the masks themselves.

    The detector becomes a subclass of itself instead of a part of another module. So its parts and
    weights keep their names, and checkpoints, hooks and options of the plain detector fit.

    Args:
        detector: Type of the detector.
        tiling: Arguments of :class:`Tiling`.
        config: Arguments of the detector.

    Raises:
        InputError: If there is no such detector, or ``tiling`` is not understood.
    """
    kind = MODELS.get(detector) if detector else None
    if not (isinstance(kind, type) and issubclass(kind, BaseDetector)):
        raise InputError(f'model.detector must be the type of a detector, but is {detector!r}')
    settings = checked(Tiling, 'model.tiling')(**(tiling or {}))
    model = MODELS.build({**config, 'type': detector})
    model.__class__ = type(f'Tiled{kind.__name__}', (Tiled, kind), {})
    model.tiling = settings
    return model


def _batches(views: Sequence[View], batch_size: int) -> Iterator[Sequence[View]]:
    """Yields batches of views of one size, which need no padding to another's."""
    for size in dict.fromkeys(view.size for view in views):
        alike = [view for view in views if view.size == size]
        for start in range(0, len(alike), batch_size):
            yield alike[start : start + batch_size]
