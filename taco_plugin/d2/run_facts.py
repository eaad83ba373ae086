"""Writes what ``compare_runs.py`` needs to know of a run and Detectron2 does not write."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from detectron2.data import MetadataCatalog
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..files import write_files
from ..json_files import to_json


def write_run_facts(
    output_dir: str | Path,
    model: nn.Module,
    *,
    config: str | Path,
    dataset_name: str,
    input_size: tuple[int, int] | None,
) -> None:
    """Writes ``run.json`` into the folder of a run; for the main process, before any step.

    The loss is described by the first module that has a method ``describe_loss() -> str``.

    Args:
        output_dir: Detectron2's; created if missing.
        model: The built detector, wrapped for distributed training or not.
        config: Path of the config; its name without the suffix tells runs apart.
        dataset_name: A data set of the run, see :func:`~.datasets.register_taco`.
        input_size: See :func:`read_input_size`.

    Raises:
        InputError: If the file cannot be written.
    """
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    facts = {
        'config': Path(config).stem,
        'detector': _name_detector(inner),
        'taxonomy': MetadataCatalog.get(dataset_name).get('taxonomy'),
        'loss': describe_loss(inner),
        'input_size': input_size,
        'parameters': sum(parameter.numel() for parameter in inner.parameters()),
    }
    write_files(output_dir, {'run.json': to_json(facts, indent=2)})


def describe_loss(model: nn.Module) -> str:
    """Names the loss of the classes in words, or the module that it is built into."""
    modules: Iterable[Any] = model.modules()
    for module in modules:
        if hasattr(module, 'describe_loss'):
            return module.describe_loss()
    predictor: Any = getattr(getattr(model, 'roi_heads', None), 'box_predictor', model)
    predictor = predictor[0] if isinstance(predictor, nn.ModuleList) else predictor
    return f'built into {type(predictor).__name__}'


def read_input_size(cfg: Any) -> tuple[int, int] | None:  # noqa: ANN401
    """Reads the largest width and the height that images are resized to for testing, in pixels.

    Args:
        cfg: A LazyConfig, or a config of YAML.

    Returns:
        None if the images are not resized, or are in another way than Detectron2's usual one.
    """
    if 'INPUT' in cfg:
        height, width = cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST
        return (width, height) if height else None
    loader = cfg.get('dataloader', {}).get('test') or {}
    for step in (loader.get('mapper') or {}).get('augmentations', ()):
        height, width = step.get('short_edge_length'), step.get('max_size')
        if height is not None and width is not None:
            return int(width), int(height if isinstance(height, int) else max(height))
    return None


def _name_detector(model: nn.Module) -> str:
    name, heads = type(model).__name__, getattr(model, 'roi_heads', None)
    return name if heads is None else f'{name} ({type(heads).__name__})'
