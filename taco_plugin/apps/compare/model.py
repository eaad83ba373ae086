"""What a config says of its detector, and how large that is."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.analysis import FlopAnalyzer
from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope

from .run import Model

_MEASURED: dict[str, tuple[int | None, int | None]] = {}


def describe_model(config: Config, name: str) -> Model:
    """Reads the detector's facts from a config, and builds it to count parameters and FLOPs.

    Args:
        config: Of a run.
        name: Of the config.
    """
    size = input_size(config)
    model = config['model']
    key = repr((model, size))  # runs that are compared often share their detector
    if key not in _MEASURED:
        _MEASURED[key] = _measure(model, size)
    parameters, flops = _MEASURED[key]
    return Model(
        config=name,
        detector=_name_detector(model),
        taxonomy=config.get('taxonomy'),
        loss=describe_loss(model),
        input_size=size,
        parameters=parameters,
        flops=flops,
    )


def _name_detector(model: Mapping[str, Any]) -> str:
    general = model['type'] in ('SingleStageDetector', 'TwoStageDetector')
    head = _class_head(model).get('type')
    return f'{model["type"]} ({head})' if general else model['type']


def input_size(config: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height of the first ``Resize`` of the test pipeline, else of the validation's.

    >>> resize = dict(type='Resize', scale=(1333, 800))
    >>> input_size({'test_dataloader': {'dataset': {'pipeline': [resize]}}})
    (1333, 800)
    """
    for split in ('test', 'val'):
        dataset = (config.get(f'{split}_dataloader') or {}).get('dataset') or {}
        for step in dataset.get('pipeline', ()):
            scale = step.get('scale') if str(step.get('type', '')).endswith('Resize') else None
            if isinstance(scale, Sequence) and len(scale) == 2:
                width, height = scale
                return int(width), int(height)
    return None


def describe_loss(model: Mapping[str, Any]) -> str:
    """Names the loss of the classes, its weights and its focus.

    >>> loss = dict(type='WeightedFocalLoss', class_weights=dict(scheme='hard'), gamma=2.0)
    >>> describe_loss({'bbox_head': {'loss_cls': loss}})
    'WeightedFocalLoss, hard, gamma 2.0'
    """
    head = _class_head(model)
    loss = head.get('loss_cls')
    if loss is None:
        return f'built into {head.get("type", model.get("type"))}'
    words = [loss['type']]
    if loss.get('class_weights') is not None:
        weights = loss['class_weights']
        scheme = weights.get('scheme') if isinstance(weights, Mapping) else None
        words.append(scheme or 'weights by value')
    words += [f'{name} {loss[name]}' for name in ('gamma', 'label_smoothing') if loss.get(name)]
    return ', '.join(words)


def _class_head(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The head that classifies; of a cascade, the first."""
    head = model.get('roi_head', model).get('bbox_head') or {}
    return head[0] if isinstance(head, Sequence) else head


def _measure(model: ConfigDict, size: tuple[int, int] | None) -> tuple[int | None, int | None]:
    """Numbers of parameters and of multiply-adds, as far as they can be had."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # training has shown them
        return _build_and_measure(model, size)


def _build_and_measure(
    model: ConfigDict, size: tuple[int, int] | None
) -> tuple[int | None, int | None]:
    try:
        with DefaultScope.overwrite_default_scope('mmdet'):
            built = revert_sync_batchnorm(MODELS.build(model)).eval()
    except Exception as error:  # whatever a detector of the user's raises
        _warn(f'no parameters and FLOPs of {model["type"]}: {error!r}')
        return None, None
    parameters = sum(parameter.numel() for parameter in built.parameters())
    if size is None:
        return parameters, None
    try:
        return parameters, count_flops(built, size)
    except Exception as error:
        _warn(f'no FLOPs of {model["type"]}: {error!r}')
        return parameters, None


def count_flops(model: torch.nn.Module, size: tuple[int, int]) -> int:
    """Multiply-adds of one image, as ``get_flops.py`` counts them, up to the head's output.

    Args:
        model: A detector of MMDetection, in evaluation mode.
        size: Width and height of the image, which is padded as batches are.
    """
    width, height = size
    preprocessor: Any = model.data_preprocessor
    divisor = preprocessor.pad_size_divisor
    padded = [-(-side // divisor) * divisor for side in (height, width)]
    shapes = {'img_shape': (height, width), 'ori_shape': (height, width)}
    sample = DetDataSample(
        metainfo={
            **shapes,
            'pad_shape': tuple(padded),
            'batch_input_shape': tuple(padded),
            'scale_factor': (1.0, 1.0),
        }
    )
    image = torch.zeros(1, 3, *padded)
    model.forward = partial(model.forward, data_samples=[sample])
    with torch.no_grad():
        analyzer = FlopAnalyzer(model, (image,))
        analyzer.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return int(analyzer.total())


def _warn(message: str) -> None:
    MMLogger.get_current_instance().warning(message)
