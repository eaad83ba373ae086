"""What a config says of its detector: input size, classes, name, parameters and FLOPs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode


def name_detector(model: Mapping[str, Any]) -> str:
    """Type of the detector; a tiled one and one of a general type are told apart by their parts."""
    detector = model['type']
    if detector == 'TiledDetector':
        detector = f'{model["detector"]} in tiles'
    if detector in ('SingleStageDetector', 'TwoStageDetector'):
        detector += f' ({class_head(model).get("type")})'
    return detector


def class_head(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The head that classifies; of a cascade, the first."""
    head = model.get('roi_head', model).get('bbox_head') or {}
    return head[0] if isinstance(head, Sequence) else head


def input_size(config: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height of the first ``Resize`` of the test pipeline, else of the validation's."""
    for split in ('test', 'val'):
        dataset = (config.get(f'{split}_dataloader') or {}).get('dataset') or {}
        for step in dataset.get('pipeline', ()):
            scale = step.get('scale') if str(step.get('type', '')).endswith('Resize') else None
            if isinstance(scale, Sequence) and len(scale) == 2:
                return int(scale[0]), int(scale[1])
    return None


def build_dataset(config: Config) -> Any:  # noqa: ANN401
    """The test data set, not loaded: its files need not be on this machine."""
    return DATASETS.build({**_inner(config.test_dataloader.dataset), 'lazy_init': True})


def _inner(dataset: Any) -> Any:  # noqa: ANN401
    """The settings of the data set that reads files, inside of wrappers."""
    inner = dataset.get('dataset') or next(iter(dataset.get('datasets') or ()), None)
    return dataset if inner is None else _inner(inner)


def count_parameters(model: torch.nn.Module) -> int:
    """Number of the parameters, also of those that are frozen."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_flops_of_views(model: torch.nn.Module, size: tuple[int, int]) -> int:
    """:func:`count_flops` of an image, or of all its views if the detector is a tiled one."""
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
    image = torch.zeros(1, 3, *padded, device=preprocessor.device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image, data_samples=[sample], mode='tensor')
    return counter.get_total_flops() // 2  # PyTorch counts a multiply-add as two
