"""Stops a run whose settings disagree about the classes, the losses or the metrics."""

import copy
import itertools
import logging
from collections import OrderedDict
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from mmcv.cnn import VGG
from mmdet.models.roi_heads.mask_heads import FusedSemanticHead
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from torch import is_tensor, nn

from ...class_counts import Config, walk
from ...errors import InputError
from ...evaluation.taco_metric import TacoMetric
from ...taxonomies import load_taxonomy

_NEEDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(('YOLOXHead', 'YOLOV3Head'), {'use_sigmoid': True, 'reduction': 'sum'}),
    **dict.fromkeys(('FSAFHead', 'MultiInstanceBBoxHead', 'YOLACTHead'), {'reduction': 'none'}),
    **dict.fromkeys(
        ('AnchorHead', 'AnchorFreeHead', 'BBoxHead', 'DETRHead'), {'reduction': 'mean'}
    ),
    **dict.fromkeys(('ClassificationCost', 'TacoSSDHead'), {'use_sigmoid': False}),
    'FocalLossCost': {'use_sigmoid': True},
}
"""Heads, their bases and matching costs -> what they need of the classification loss."""

_MONITORS = {
    'default_hooks.checkpoint.save_best': 'save_best',
    'default_hooks.early_stopping.monitor': 'monitor',
}


@HOOKS.register_module()
class ClassCheckHook(Hook):
    """Compares the classes of config, data sets, model, losses and checkpoint before any step.

    MMDetection trains on whatever matches and ignores the rest. Its ``NumClassCheckHook`` checks
    heads only when an epoch begins, not when testing, and no checkpoints.

    Raises:
        InputError: Before the first iteration, if taxonomies, data sets, heads or class weights
            have different classes, a loss does not fit its head or matching cost, or the model or
            the metrics lack what is scored or monitored. When a checkpoint is resumed or tested, if
            it was trained on other classes or, unless ``strict`` is False, if weights are missing
            or left over; one to fine-tune from may have any, if some fit.
    """

    priority = 'VERY_HIGH'  # before the EMAHook loads the checkpoint

    def __init__(self, strict: bool = True) -> None:
        self.strict = strict

    def before_run(self, runner: Runner) -> None:
        """Compares the config, the built data sets, the heads, their losses and the metrics."""
        _check_taxonomies(getattr(runner, 'cfg', {}))
        datasets = [loop.dataloader.dataset for loop in _built_loops(runner)]
        classes = datasets[0].metainfo.get('classes') if datasets else None
        if classes is None:
            return
        for dataset in datasets[1:]:
            if dataset.metainfo.get('classes') != classes:
                raise InputError(
                    f'the data sets have different classes: {list(classes)} and '
                    f'{list(dataset.metainfo.get("classes") or [])}; give them one taxonomy'
                )
        _check_heads(_model(runner), classes)
        if hasattr(runner._train_loop, 'dataloader'):
            _check_losses(_model(runner), classes)
        _check_metrics(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compares a checkpoint that is resumed or tested with the classes and the model."""
        weights = checkpoint.setdefault('state_dict', copy.copy(checkpoint))
        loops = list(_built_loops(runner))
        if not loops or (not runner._resume and loops[0] is runner._train_loop):
            known = _model(runner).state_dict()
            if loops and not any(key.removeprefix('module.') in known for key in weights):
                raise InputError('load_from: none of its weights is one of the model')
            return
        classes = loops[0].dataloader.dataset.metainfo.get('classes')
        _check_trained_classes(checkpoint, classes)
        if runner._resume and 'message_hub' not in checkpoint:
            raise InputError('the checkpoint has no state of a training to resume: use load_from')
        _check_weights(_model(runner), weights, strict=self.strict)


def load_weights(
    model: nn.Module, checkpoint: dict, classes: Sequence[str], *, strict: bool = True
) -> None:
    """Loads the weights of a checkpoint into a model without a runner.

    Raises:
        InputError: If heads or checkpoint have other classes, or, unless ``strict`` is False,
            weights are missing or left over.
    """
    _check_heads(model, classes)
    _check_trained_classes(checkpoint, classes)
    _check_weights(model, checkpoint.get('state_dict', checkpoint), strict=strict)


def _check_trained_classes(checkpoint: dict, classes: Sequence[str] | None) -> None:
    trained = (checkpoint.get('meta', {}).get('dataset_meta') or {}).get('classes')
    if trained and classes and list(trained) != list(classes):
        raise InputError(
            f'the checkpoint was trained on the classes {list(trained)}, but the data set '
            f'has {list(classes)}; use the config that it was trained with'
        )


def _check_taxonomies(config: Config) -> None:
    """Refuses another taxonomy after ``use_taco``, and warns of a data root that is not read."""
    root = getattr(config, '_cfg_dict', config)
    named = [(path, node['taxonomy']) for path, node in walk(root) if 'taxonomy' in node]
    folders = [node['data_root'] for path, node in walk(root) if path and 'data_root' in node]
    if folders and root.get('data_root', folders[0]) not in folders:
        ignored = f'data_root={root["data_root"]} alone has no effect; the data are in {folders[0]}'
        print_log(f'{ignored}: set TACO_DATA_ROOT instead', 'current', logging.WARNING)
    for path, taxonomy in named if 'taxonomy' in root else ():
        if load_taxonomy(str(taxonomy)) != load_taxonomy(str(root['taxonomy'])):
            raise InputError(
                f'taxonomy is {root["taxonomy"]}, but {path}.taxonomy is {taxonomy}; '
                'classes can be changed only by use_taco(_base_, taxonomy=...) in a config'
            )


def _built_loops(runner: Runner) -> list:
    """The runner's loops that are built, the training loop first."""
    loops = [runner._train_loop, runner._val_loop, runner._test_loop]
    return [loop for loop in loops if hasattr(loop, 'dataloader')]


def _model(runner: Runner) -> nn.Module:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return model.module if isinstance(model, BaseTTAModel) else model


def _check_heads(model: nn.Module, classes: Sequence[str]) -> None:
    """Checks ``num_classes`` of every module that classifies objects into the classes."""
    for name, module in model.named_modules():
        if 'rpn_head' in name or isinstance(module, VGG | FusedSemanticHead):
            continue
        num_classes = getattr(module, 'num_classes', len(classes))
        if num_classes != len(classes):
            key = '.'.join(filter(None, ['model', name, 'num_classes']))
            advice = f'set {key}={len(classes)}, or ' if name else ''  # else the sum of others
            raise InputError(
                f'{key} is {num_classes}, but the data set has {len(classes)} classes '
                f'({", ".join(classes)}); {advice}take taxonomy and model from '
                'taco_plugin.config.use_taco'
            )


def _check_losses(model: nn.Module, classes: Sequence[str]) -> None:
    """Checks class weights, except in RPNs, which have one class, and what heads need of a loss."""
    for name, module in model.named_modules():
        if hasattr(module, 'check_classes') and 'rpn_head' not in name:
            module.check_classes(classes)
        for part in (module, *getattr(getattr(module, 'assigner', None), 'match_costs', [])):
            kinds = [kind.__name__ for kind in type(part).__mro__ if kind.__name__ in _NEEDS]
            needs = _NEEDS[kinds[0]] if kinds else {}
            for loss, (option, needed) in itertools.product(
                ('loss_cls', 'loss_obj'), needs.items()
            ):
                given = getattr(getattr(module, loss, None), option, needed)
                if given != needed:
                    key, kind = f'model.{name}.{loss}.{option}', type(part).__name__
                    raise InputError(
                        f'{key} is {given}, but {kind} needs {needed}; set {key}={needed}'
                    )


def _check_metrics(runner: Runner) -> None:
    """Refuses masks that are not predicted, and hooks that wait for a metric in vain."""
    predicts_masks = any('mask' in name for name, _ in _model(runner).named_modules())
    names: set[str] = set()
    for loop in _built_loops(runner):
        for metric in getattr(getattr(loop, 'evaluator', None), 'metrics', ()):
            if not isinstance(metric, TacoMetric):
                return  # it may return anything
            if 'segm' in metric.metrics and not predicts_masks:
                raise InputError(
                    "metric='segm' scores masks, but the model predicts none; score by 'bbox', or "
                    'take a model such as that of configs/taco/mask_rcnn.py'
                )
            names |= metric.preview() if loop is runner._val_loop else set()
    wrong = {
        key: value
        for key, option in _MONITORS.items()
        for hook in (runner.hooks if names else ())
        for value in np.ravel(getattr(hook, option, None) or [])
        if value not in {*names, 'auto'}
    }
    for key, value in wrong.items():
        near = {key: get_close_matches(one, names, n=1, cutoff=0)[0] for key, one in wrong.items()}
        raise InputError(
            f'{key} is {value}, but no metric of val_evaluator is called so; name one that is: '
            f'--cfg-options {" ".join(map("=".join, near.items()))}'
        )


def _check_weights(model: nn.Module, weights: dict, *, strict: bool) -> None:
    """Loads weights, as MMEngine will, and refuses those that it would skip with a warning."""
    given: Any = OrderedDict((key.removeprefix('module.'), item) for key, item in weights.items())
    given._metadata = getattr(weights, '_metadata', None)
    wrong = [
        f'{key} is not finite, as after a training that diverged'
        for key, value in weights.items()
        if is_tensor(value) and not value.isfinite().all()
    ][:1]
    try:
        missing, unexpected = model.load_state_dict(given, strict=False)
        missing = [key for key in missing if 'num_batches_tracked' not in key]
        for keys, which in (missing, 'missing'), (unexpected, 'unexpected'):
            if keys and strict:
                wrong.append(f'{len(keys)} weights are {which}, e.g. {keys[0]}')
    except RuntimeError as error:  # shapes
        wrong.append(str(error).splitlines()[1].strip('\t .'))
    if wrong:
        raise InputError(
            f'the checkpoint does not fit the model: {"; ".join(wrong)}; use the config that it '
            'was trained with, or for other weights default_hooks.class_check.strict=False'
        )
