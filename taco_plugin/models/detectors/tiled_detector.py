"""Detection of small objects in overlapping tiles of large images."""

from collections.abc import Callable
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
from .merging import merge_views
from .tiling import Tiling, batch_views
from .view_results import cut_view, describe_view, draw_masks, locate, scale_of
from .views import View


def predict_views(
    tiling: Tiling,
    step: Callable[[dict], list[DetDataSample]],
    data: dict,
    device: torch.device,
) -> list[DetDataSample]:
    """Runs ``step``, the detector's own ``test_step``, on all views, and merges the results.

    If no image of the batch is larger than a tile, ``step`` is run as it is. ``device`` is the
    detector's.
    """
    images, samples = data['inputs'], data['data_samples']
    views = [
        view for index, image in enumerate(images) for view in tiling.cut(image.shape[-2:], index)
    ]
    if len(views) == len(images):
        return step(data)
    found: list[list[InstanceData]] = [[] for _ in images]
    batch_size = tiling.batch_size or (1 if device.type == 'cpu' else 4)
    for batch in batch_views(views, batch_size):
        outputs = step(
            {
                'inputs': [cut_view(images[view.image], view) for view in batch],
                'data_samples': [describe_view(samples[view.image], view) for view in batch],
            }
        )
        for view, output in zip(batch, outputs, strict=True):
            instances = locate(output.pred_instances, view, samples[view.image])
            found[view.image].append(_trust(tiling, instances, view, samples[view.image]))
    for sample, parts in zip(samples, found, strict=True):
        sample.pred_instances = _merge(tiling, InstanceData.cat(parts), sample.ori_shape)
    return samples


def _trust(tiling: Tiling, found: InstanceData, view: View, sample: DetDataSample) -> InstanceData:
    """Weighs the scores of a tile, and leaves large objects to the whole image."""
    if view.is_whole:
        return found
    found.scores = found.scores * tiling.tile_score
    if not tiling.whole_image:
        return found
    sides = (found.bboxes[:, 2:] - found.bboxes[:, :2]) * scale_of(sample, found.bboxes)[:2]
    largest = tiling.largest(sample.img_shape)
    return found[sides.prod(dim=1).sqrt() <= largest]


def _merge(tiling: Tiling, found: InstanceData, shape: tuple[int, int]) -> InstanceData:
    """Merges what :func:`~.view_results.locate` found in the views of an image of ``shape``."""
    columns = (found[key].numpy(force=True) for key in ('bboxes', 'scores', 'labels', 'is_cut'))
    groups = merge_views(*columns, overlap=tiling.merge_overlap, threshold=tiling.merge_threshold)
    groups = groups[: tiling.max_per_image]
    merged = found[np.array([group[0] for group in groups], dtype=np.int64)]
    if tiling.merge == 'nms':
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
        device = self.data_preprocessor.device
        return predict_views(self.tiling, super().test_step, data, device)

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
