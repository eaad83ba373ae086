"""What a config says of its detector, and how large that is."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope
from torch.utils.flop_counter import FlopCounterMode


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
        flops: See :func:`count_flops`.
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
    detector = model['type']
    if detector == 'TiledDetector':
        detector = f'{model["detector"]} in tiles'
    if detector in ('SingleStageDetector', 'TwoStageDetector'):
        detector += f' ({_class_head(model).get("type")})'
    return Model(
        name, detector, config.get('taxonomy'), describe_loss(model), size, *_MEASURED[key]
    )


def input_size(config: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height of the first ``Resize`` of the test pipeline, else of the validation's."""
    for split in ('test', 'val'):
        dataset = (config.get(f'{split}_dataloader') or {}).get('dataset') or {}
        for step in dataset.get('pipeline', ()):
            scale = step.get('scale') if str(step.get('type', '')).endswith('Resize') else None
            if isinstance(scale, Sequence) and len(scale) == 2:
                return int(scale[0]), int(scale[1])
    return None


def describe_loss(model: Mapping[str, Any]) -> str:
    """Names the loss of the classes, its weights and focus: ``FocalLoss, hard, gamma 2.0``."""
    head = _class_head(model)
    loss = head.get('loss_cls')
    if loss is None:
        return f'built into {head.get("type", model.get("type"))}'
    words = [loss['type']]
    if (weights := loss.get('class_weights')) is not None:
        scheme = weights.get('scheme') if isinstance(weights, Mapping) else None
        words.append(scheme or 'weights by value')
    words += [f'{name} {loss[name]}' for name in ('gamma', 'label_smoothing') if loss.get(name)]
    return ', '.join(words)


def _class_head(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The head that classifies; of a cascade, the first."""
    head = model.get('roi_head', model).get('bbox_head') or {}
    return head[0] if isinstance(head, Sequence) else head


def _measure(model: ConfigDict, size: tuple[int, int] | None) -> tuple[int | None, int | None]:
    """Numbers of parameters and of FLOPs, as far as they can be had; a warning says what fails."""
    parameters = flops = None
    with warnings.catch_warnings(), DefaultScope.overwrite_default_scope('mmdet'):
        warnings.simplefilter('ignore')  # training has shown them
        try:
            built = revert_sync_batchnorm(MODELS.build(model)).eval()
            parameters = sum(parameter.numel() for parameter in built.parameters())
            flops = _count_all_views(built, size) if size else None
        except Exception as error:  # whatever a detector of the user's raises
            what = 'parameters and FLOPs' if parameters is None else 'FLOPs'
            message = f'no {what} of {model["type"]}: {error!r}'
            MMLogger.get_current_instance().warning(message)
    return parameters, flops


def _count_all_views(model: torch.nn.Module, size: tuple[int, int]) -> int:
    tiling: Any = getattr(model, 'tiling', None)
    views = tiling.cut(size[::-1]) if tiling else []
    sizes = Counter(view.size[::-1] for view in views) or {size: 1}
    return sum(number * count_flops(model, each) for each, number in sizes.items())


def count_flops(model: torch.nn.Module, size: tuple[int, int]) -> int:
    """Multiply-adds of the convolutions and matrix products for one image, up to the raw output.

    The image has ``size``, width and height, and is padded as batches are.
    """
    preprocessor: Any = model.data_preprocessor
    divisor = preprocessor.pad_size_divisor
    shape = size[::-1]
    padded = tuple(-(-side // divisor) * divisor for side in shape)
    meta = {'img_shape': shape, 'ori_shape': shape, 'scale_factor': (1.0, 1.0)}
    sample = DetDataSample(metainfo={**meta, 'pad_shape': padded, 'batch_input_shape': padded})
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, *padded), data_samples=[sample], mode='tensor')
    return counter.get_total_flops() // 2  # PyTorch counts a multiply-add as two
