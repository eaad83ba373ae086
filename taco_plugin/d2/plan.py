"""Reads a config file, LazyConfig or YAML, into what a training needs."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode, LazyConfig, get_cfg, instantiate
from detectron2.data import build_detection_test_loader, build_detection_train_loader
from detectron2.engine import DefaultTrainer
from detectron2.modeling import build_model
from detectron2.solver import build_lr_scheduler, build_optimizer
from detectron2.utils import comm
from omegaconf import DictConfig, OmegaConf
from torch import nn

from ..errors import InputError
from .config import add_taco_config, put_yaml_on_taco, scale_to_batch, use_taco
from .datasets import TacoDatasetMapper, register_taco
from .evaluator import TacoEvaluator

STOCK_OUTPUT = './output'


@dataclass(frozen=True)
class Plan:
    """What one run needs, of either kind of config; what is costly is only built when called.

    Attributes:
        cfg: The whole config.
        train: Settings named as ``train`` in a LazyConfig.
        names: Data sets to train on, and to evaluate.
        batch_size: Images of an iteration, of all processes together.
        last_step: Part of the training after which the learning rate steps last; 0 if never.
        early_stopping: Arguments of :class:`~.hooks.EarlyStoppingHook`.
    """

    cfg: Any
    train: DictConfig
    names: tuple[Sequence[str], Sequence[str]]
    batch_size: int
    last_step: float
    early_stopping: Mapping[str, Any]
    model: Callable[[], nn.Module]
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    scheduler: Callable[[torch.optim.Optimizer], Any]
    train_loader: Callable[[], Iterable]
    test_loader: Callable[[], Iterable]
    evaluator: Callable[[str | None], TacoEvaluator]


def read_plan(path: str, overrides: list[str], testing: bool) -> Plan:
    """Reads a config file.

    Args:
        path: A ``.py`` file is a LazyConfig, a ``.yaml`` file one of Detectron2's other kind.
        overrides: ``path.key=value``, or for YAML ``PATH.KEY VALUE``.
        testing: Evaluate on the test split, unless an override names another data set.

    Raises:
        InputError: If the file cannot be read, or a setting is not understood.
    """
    if not os.path.isfile(path):
        raise InputError(f'{path}: no such config file')
    if path.endswith('.py'):
        return _plan_lazy(_read_lazy(path, overrides, testing))
    if path.endswith(('.yaml', '.yml')):
        return _plan_yaml(_read_yaml(path, overrides, testing))
    raise InputError(f'{path}: a config file must end in .py or .yaml')


def _read_lazy(path: str, overrides: list[str], testing: bool) -> DictConfig:
    if wrong := [text for text in overrides if '=' not in text]:
        raise InputError(f'{wrong[0]}: an override of a LazyConfig is key=value')
    given = [text.partition('=')[0].lstrip('+') for text in overrides]
    cfg = LazyConfig.load(path)
    if 'taco' not in cfg.get('train', {}):
        raise InputError(f'{path}: it is not on TACO; call taco_plugin.d2.config.use_taco in it')
    before = dict(cfg.train.taco)
    _override(cfg, overrides)
    taco = cfg.train.taco
    if (taco.taxonomy, taco.root) != (before['taxonomy'], before['root']):
        use_taco(cfg, taco.taxonomy, taco.root)
    scale_to_batch(cfg)
    _override(cfg, overrides)  # what is stated is not scaled
    if cfg.train.output_dir == STOCK_OUTPUT:
        cfg.train.output_dir = _work_dir(path)
    if 'train.device' not in given:
        cfg.train.device = _device(cfg.train.device)
    if testing and 'dataloader.test.dataset.names' not in given:
        cfg.dataloader.test.dataset.names = register_taco(taco.root, taco.taxonomy)[-1]
    return cfg


def _override(cfg: DictConfig, overrides: list[str]) -> None:
    for text in overrides:
        key = text.partition('=')[0].lstrip('+')
        parent = OmegaConf.select(cfg, key.rpartition('.')[0], default=None)
        is_option = text.startswith('+') or 'early_stopping' in key
        if not OmegaConf.is_config(parent) or (key.split('.')[-1] not in parent and not is_option):
            raise InputError(f'{key}: the config has no such setting; +{text} would add it')
    LazyConfig.apply_overrides(cfg, overrides)


def _plan_lazy(cfg: DictConfig) -> Plan:
    loaders = cfg.dataloader
    schedule = cfg.lr_multiplier.get('scheduler') or cfg.lr_multiplier
    milestones = [0, *(schedule.get('milestones') or [0])]  # the last one is the end
    end = schedule.get('num_updates') or milestones.pop() or 1

    def build_optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
        cfg.optimizer.params.model = model
        try:
            return instantiate(cfg.optimizer)
        finally:
            del cfg.optimizer.params.model

    def build_evaluator(checkpoint: str | None) -> TacoEvaluator:
        loaders.evaluator.checkpoint = checkpoint
        return instantiate(loaders.evaluator)

    return Plan(
        cfg=cfg,
        train=cfg.train,
        names=(_listed(loaders.train.dataset.names), _listed(loaders.test.dataset.names)),
        batch_size=loaders.train.total_batch_size,
        last_step=milestones[-1] / end,
        early_stopping=cfg.train.taco.early_stopping,
        model=lambda: instantiate(cfg.model),
        optimizer=build_optimizer_of,
        scheduler=lambda optimizer: instantiate(cfg.lr_multiplier),
        train_loader=lambda: instantiate(loaders.train),
        test_loader=lambda: instantiate(loaders.test),
        evaluator=build_evaluator,
    )


def _read_yaml(path: str, overrides: list[str], testing: bool) -> CfgNode:
    cfg = get_cfg()
    add_taco_config(cfg)
    try:
        cfg.merge_from_file(path, allow_unsafe=False)
        cfg.merge_from_list(overrides)
    except (KeyError, ValueError, AssertionError) as error:
        raise InputError(f'{path} {" ".join(overrides)}: {error.args[0]}') from None
    put_yaml_on_taco(cfg)
    if cfg.OUTPUT_DIR == STOCK_OUTPUT:
        cfg.OUTPUT_DIR = _work_dir(path)
    if 'MODEL.DEVICE' not in overrides:
        cfg.MODEL.DEVICE = _device(cfg.MODEL.DEVICE)
    if testing and 'DATASETS.TEST' not in overrides:
        cfg.DATASETS.TEST = tuple(register_taco(cfg.TACO.ROOT, cfg.TACO.TAXONOMY)[-1:])
    return DefaultTrainer.auto_scale_workers(cfg, comm.get_world_size())


def _plan_yaml(cfg: CfgNode) -> Plan:
    def mapper(is_train: bool) -> TacoDatasetMapper:
        return TacoDatasetMapper(cfg, is_train)

    solver = cfg.SOLVER
    steps = solver.STEPS if 'MultiStep' in solver.LR_SCHEDULER_NAME else ()
    train = OmegaConf.create(
        {
            'output_dir': cfg.OUTPUT_DIR,
            'init_checkpoint': cfg.MODEL.WEIGHTS,
            'max_iter': solver.MAX_ITER,
            'amp': {'enabled': solver.AMP.ENABLED},
            'ddp': {'broadcast_buffers': False},
            'checkpointer': {'period': solver.CHECKPOINT_PERIOD},
            'eval_period': cfg.TEST.EVAL_PERIOD,
            'log_period': 20,
            'device': cfg.MODEL.DEVICE,
        }
    )
    test = cfg.DATASETS.TEST
    return Plan(
        cfg=cfg,
        train=train,
        names=(cfg.DATASETS.TRAIN, test),
        batch_size=solver.IMS_PER_BATCH,
        last_step=max(steps, default=0) / solver.MAX_ITER,
        early_stopping={'patience': cfg.TACO.PATIENCE or None, 'min_delta': cfg.TACO.MIN_DELTA},
        model=lambda: build_model(cfg),
        optimizer=lambda model: build_optimizer(cfg, model),
        scheduler=lambda optimizer: build_lr_scheduler(cfg, optimizer),
        train_loader=lambda: build_detection_train_loader(cfg, mapper=mapper(True)),
        test_loader=lambda: build_detection_test_loader(cfg, list(test), mapper=mapper(False)),
        evaluator=lambda checkpoint: TacoEvaluator(test[0], cfg.OUTPUT_DIR, checkpoint=checkpoint),
    )


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _device(device: str) -> str:
    return device if torch.cuda.is_available() else 'cpu'


def _work_dir(path: str) -> str:
    return f'work_dirs/d2/{Path(path).stem}'
