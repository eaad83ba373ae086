"""What a config says of its anchors and its input."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmdet.models.task_modules.prior_generators import AnchorGenerator
from mmdet.registry import TASK_UTILS

from ...errors import InputError
from .boxes import InputSize

_HEADS = ('rpn_head', 'bbox_head')


@dataclass(frozen=True)
class Detector:
    """The anchors and the input of a detector.

    Args:
        head: Key of the head with the anchors, in the model's config.
        settings: Config of its anchor generator.
        input_size: At which it is tested.
    """

    head: str
    settings: dict[str, Any]
    input_size: InputSize


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
    divisor = (model.get('data_preprocessor') or {}).get('pad_size_divisor', 1)
    return Detector(heads[0], settings, _read_input_size(config, divisor))


def _read_input_size(config: Mapping[str, Any], divisor: int) -> InputSize:
    pipeline = config['test_dataloader']['dataset']['pipeline']
    resize = next((step for step in pipeline if step['type'] == 'Resize'), None)
    if resize is None or 'scale' not in resize:
        raise InputError("the test pipeline of this config has no 'Resize' with a scale")
    return InputSize(tuple(resize['scale']), resize.get('keep_ratio', False), divisor)


def build_generator(settings: Mapping[str, Any]) -> AnchorGenerator:
    """The anchor generator of a config."""
    return TASK_UTILS.build(dict(settings))
