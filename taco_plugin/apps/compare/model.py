"""What a config says of its detector, and how large that is."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope

from ...model_facts import (
    class_head,
    count_flops_of_views,
    count_parameters,
    input_size,
    name_detector,
)


@dataclass(frozen=True)
class Model:
    """A detector, as the config of its run says; None stands for what is not known.

    Args:
        config: Name of the config, without its suffix.
        detector: ``type`` of the model.
        taxonomy: Name of a taxonomy or path of its CSV.
        loss: Of the classes, in words.
        input_size: Width and height that images are resized to for testing, pixels.
        parameters: Their number.
        flops: See :func:`~taco_plugin.model_facts.count_flops`.
    """

    config: str
    detector: str
    taxonomy: str | None
    loss: str
    input_size: tuple[int, int] | None
    parameters: int | None = None
    flops: int | None = None


_MEASURED: dict[str, tuple[int | None, int | None]] = {}


def describe_model(config: Config, name: str) -> Model:
    """Reads the detector's facts from a config, and builds it to count parameters and FLOPs.

    Those of a tiled detector are the FLOPs of all views of an image.
    """
    model, size = config['model'], input_size(config)
    key = repr((model, size))  # runs that are compared often share their detector
    if key not in _MEASURED:
        _MEASURED[key] = _measure(model, size)
    loss, taxonomy = describe_loss(model), config.get('taxonomy')
    return Model(name, name_detector(model), taxonomy, loss, size, *_MEASURED[key])


def describe_loss(model: Mapping[str, Any]) -> str:
    """Names the loss of the classes, its weights and focus: ``FocalLoss, hard, gamma 2.0``."""
    head = class_head(model)
    loss = head.get('loss_cls')
    if loss is None:
        return f'built into {head.get("type", model.get("type"))}'
    words = [loss['type']]
    if (weights := loss.get('class_weights')) is not None:
        scheme = weights.get('scheme') if isinstance(weights, Mapping) else None
        words.append(scheme or 'weights by value')
    words += [f'{name} {loss[name]}' for name in ('gamma', 'label_smoothing') if loss.get(name)]
    return ', '.join(words)


def _measure(model: ConfigDict, size: tuple[int, int] | None) -> tuple[int | None, int | None]:
    """Numbers of parameters and of FLOPs, as far as they can be had; a warning says what fails."""
    parameters = flops = None
    with warnings.catch_warnings(), DefaultScope.overwrite_default_scope('mmdet'):
        warnings.simplefilter('ignore')  # training has shown them
        try:
            built = revert_sync_batchnorm(MODELS.build(model)).eval()
            parameters = count_parameters(built)
            flops = count_flops_of_views(built, size) if size else None
        except Exception as error:  # whatever a detector of the user's raises
            what = 'parameters and FLOPs' if parameters is None else 'FLOPs'
            message = f'no {what} of {model["type"]}: {error!r}'
            MMLogger.get_current_instance().warning(message)
    return parameters, flops
