"""What a config says of its anchors and its input, and what of the anchors may be changed."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmdet.models.task_modules.prior_generators import AnchorGenerator
from mmdet.registry import TASK_UTILS

from ...boxes import Boxes, resize_factors
from ...coco import Coco
from ...errors import InputError

_HEADS = ('rpn_head', 'bbox_head')
_RATIO = (-2.5, 2.5)  # height over width, as a power of 2


@dataclass(frozen=True)
class Detector:
    """The anchors of a detector, and its input as ``Resize`` and its preprocessor make it.

    Args:
        head: Key of the head with the anchors, in the model's config.
        settings: Config of its anchor generator.
        scale: Of ``Resize``, pixels.
        keep_ratio: The longer side of an image becomes at most the longer of ``scale``, its
            shorter at most the shorter; else width and height become ``scale``.
        divisor: Both sides are padded to multiples of it.
    """

    head: str
    settings: dict[str, Any]
    scale: tuple[int, int]
    keep_ratio: bool = True
    divisor: int = 1


def read_detector(config: Mapping[str, Any]) -> Detector:
    """Finds anchors and input size in a config.

    Raises:
        InputError: If it has none, or some that cannot be fitted.
    """
    model = config.get('model') or {}
    heads = [head for head in _HEADS if 'anchor_generator' in (model.get(head) or {})]
    if not heads:
        raise InputError(
            'the detector of this config has no anchors; Faster R-CNN, RetinaNet and SSD have'
        )
    settings = copy.deepcopy(dict(model[heads[0]]['anchor_generator']))
    if settings.get('type') not in ('AnchorGenerator', 'SSDAnchorGenerator'):
        raise InputError(
            f'anchors of {settings.get("type")} cannot be fitted here; for YOLO, see '
            'optimize_anchors.py'
        )
    pipeline = config['test_dataloader']['dataset']['pipeline']
    resize = next((step for step in pipeline if step['type'] == 'Resize'), None)
    if resize is None or 'scale' not in resize:
        raise InputError("the test pipeline of this config has no 'Resize' with a scale")
    divisor = (model.get('data_preprocessor') or {}).get('pad_size_divisor', 1)
    keep_ratio = resize.get('keep_ratio', False)
    return Detector(heads[0], settings, tuple(resize['scale']), keep_ratio, divisor)


def build_generator(settings: Mapping[str, Any]) -> AnchorGenerator:
    """The anchor generator of a config."""
    return TASK_UTILS.build(dict(settings))


def read_boxes(coco: Coco, detector: Detector) -> tuple[np.ndarray, np.ndarray]:
    """Reads the boxes of a clean file, without crowds, resized with their images.

    Returns:
        The boxes in pixels of the input, xyxy, shape (N, 4), and the padded width and height of the
        image of each, int64, shape (N, 2).

    Example:
        >>> coco = {'images': [{'id': 1, 'width': 4000, 'height': 3000}],
        ...         'annotations': [{'image_id': 1, 'category_id': 2, 'bbox': [400, 0, 40, 300]}],
        ...         'categories': [{'id': 2, 'name': 'Can'}]}
        >>> boxes, sizes = read_boxes(coco, Detector('rpn_head', {}, (1333, 800), divisor=32))
        >>> boxes.astype(int).tolist(), sizes.tolist()
        ([[106, 0, 117, 80]], [[1088, 800]])
    """
    labels = {category['id']: label for label, category in enumerate(coco['categories'])}
    boxes = Boxes.from_coco(coco, labels)
    boxes = boxes[~boxes.crowd]
    by_id = {image['id']: (image['width'], image['height']) for image in coco['images']}
    native = np.array([by_id[image] for image in boxes.image.tolist()], float).reshape(-1, 2)
    if detector.keep_ratio:
        factors = resize_factors(native, detector.scale)[:, None]
        resized = np.maximum(np.floor(native * factors + 0.5), 1)
    else:
        resized = np.broadcast_to(np.array(detector.scale, float), native.shape)
    padded = np.ceil(resized / detector.divisor) * detector.divisor
    return boxes.xyxy * np.tile(resized / native, 2), padded.astype(int)


class ScaleSpace:
    """What is fitted of an ``AnchorGenerator``: scales and ratios, the same on all levels.

    A level's anchors are its stride times the scales; of RetinaNet's octave, whose scales are
    evenly spread, only the first may change.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._is_octave = settings.get('octave_base_scale') is not None
        scales = [settings['octave_base_scale']] if self._is_octave else settings['scales']
        self._num_scales = len(scales)
        self.start = np.log2([*scales, *settings['ratios']])
        self.bounds = [(0.0, float(np.log2(max(scales) * 2)))] * len(scales)
        self.bounds += [_RATIO] * len(settings['ratios'])

    def make(self, point: np.ndarray) -> dict[str, Any]:
        """The settings at a point within ``bounds``, rounded and in ascending order."""
        scales = _round(point[: self._num_scales])
        ratios = _round(point[self._num_scales :])
        if self._is_octave:
            return {'octave_base_scale': scales[0], 'ratios': ratios}
        return {'scales': scales, 'ratios': ratios}


class SSDSpace:
    """What is fitted of an ``SSDAnchorGenerator``: the anchor size of each level, and ratios.

    A level's anchors go from its own size to that of the next level, as in SSD; ``side`` is the
    longest side of the input.
    """

    def __init__(self, settings: Mapping[str, Any], side: int) -> None:
        generator = build_generator(settings)
        last = float(generator.base_sizes[-1] * generator.scales[-1][1] ** 2)
        sizes = [*generator.base_sizes, last]
        self._ratios = [list(ratios) for ratios in settings['ratios']]
        self._values = sorted({ratio for ratios in self._ratios for ratio in ratios})
        self._num_sizes = len(sizes)
        self.start = np.log2([*sizes, *self._values])
        self.bounds = [(2.0, float(np.log2(1.05 * side)))] * len(sizes)
        self.bounds += [(0.2, _RATIO[1])] * len(self._values)

    def make(self, point: np.ndarray) -> dict[str, Any]:
        """The settings at a point within ``bounds``, rounded and in ascending order."""
        sizes = [round(size) for size in np.sort(2 ** point[: self._num_sizes]).tolist()]
        new = dict(zip(self._values, _round(point[self._num_sizes :]), strict=True))
        return {
            'min_sizes': sizes[:-1],
            'max_sizes': sizes[1:],
            'ratios': [[new[ratio] for ratio in ratios] for ratios in self._ratios],
        }


def _round(powers: np.ndarray) -> list[float]:
    return sorted(round(2**power, 2) for power in powers.tolist())
