"""Stops a run whose model, data sets or checkpoint disagree about the classes."""

from collections.abc import Sequence

from mmcv.cnn import VGG
from mmdet.models.roi_heads.mask_heads import FusedSemanticHead
from mmdet.models.task_modules.assigners import ClassificationCost, FocalLossCost
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from ...errors import InputError


@HOOKS.register_module()
class ClassCheckHook(Hook):
    """Compares the classes of data sets, model, class weights and checkpoint before any step.

    MMDetection trains on whatever matches and ignores the rest. Its ``NumClassCheckHook`` checks
    heads only when an epoch begins, not when testing, and no checkpoints.

    Raises:
        InputError: Before the first iteration, if the data sets have different classes, a head has
            another number of classes, class weights are for other classes, or the matching cost and
            the loss of a DETR use different activations. When a checkpoint is resumed or tested, if
            it was trained on other classes; one to fine-tune from may have any.
    """

    def before_run(self, runner: Runner) -> None:
        """Compares the built data sets with one another and with the heads."""
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
        for name, num_classes in _heads(runner):
            if num_classes != len(classes):
                key = '.'.join(filter(None, ['model', name, 'num_classes']))
                advice = f'set {key}={len(classes)}, or ' if name else ''  # else the sum of others
                raise InputError(
                    f'{key} is {num_classes}, but the data set has {len(classes)} classes '
                    f'({", ".join(classes)}); {advice}take taxonomy and model from '
                    'taco_plugin.config.use_taco'
                )
        if hasattr(runner._train_loop, 'dataloader'):
            _check_class_weights(_model(runner), classes)
            _check_matching_costs(_model(runner))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compares the classes of a checkpoint that is resumed or tested."""
        loops = list(_built_loops(runner))
        if not loops or (not runner._resume and loops[0] is runner._train_loop):
            return
        classes = loops[0].dataloader.dataset.metainfo.get('classes')
        trained = checkpoint.get('meta', {}).get('dataset_meta', {}).get('classes')
        if trained and classes and list(trained) != list(classes):
            raise InputError(
                f'the checkpoint was trained on the classes {list(trained)}, but the data set '
                f'has {list(classes)}; use the config that it was trained with'
            )
        _check_shapes(runner, checkpoint.get('state_dict', checkpoint))


def _built_loops(runner: Runner) -> list:
    """The runner's loops that are built, the training loop first."""
    loops = [runner._train_loop, runner._val_loop, runner._test_loop]
    return [loop for loop in loops if hasattr(loop, 'dataloader')]


def _model(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _heads(runner: Runner) -> list[tuple[str, int]]:
    """Name and ``num_classes`` of every module that classifies objects into the classes."""
    return [
        (name, module.num_classes)
        for name, module in _model(runner).named_modules()
        if hasattr(module, 'num_classes')
        and 'rpn_head' not in name
        and not isinstance(module, VGG | FusedSemanticHead)
    ]


def _check_class_weights(model: nn.Module, classes: Sequence[str]) -> None:
    """Checks every loss with class weights, except in RPNs, which have one class."""
    for name, module in model.named_modules():
        if hasattr(module, 'check_classes') and 'rpn_head' not in name:
            module.check_classes(classes)


def _check_matching_costs(model: nn.Module) -> None:
    """Refuses a sigmoid loss with a softmax matching cost, and vice versa."""
    for name, module in model.named_modules():
        costs = getattr(getattr(module, 'assigner', None), 'match_costs', [])
        use_sigmoid = getattr(getattr(module, 'loss_cls', None), 'use_sigmoid', None)
        wrong = ClassificationCost if use_sigmoid else FocalLossCost
        if use_sigmoid is not None and any(isinstance(cost, wrong) for cost in costs):
            raise InputError(
                f'model.{name}: loss_cls has use_sigmoid={use_sigmoid}, but the assigner matches '
                f'by {wrong.__name__}; ClassificationCost is for softmax, FocalLossCost for sigmoid'
            )


def _check_shapes(runner: Runner, weights: dict) -> None:
    """Refuses weights of the wrong shape, which MMEngine would skip with only a warning."""
    for name, value in _model(runner).state_dict().items():
        given = weights.get(name, weights.get(f'module.{name}'))
        if given is not None and given.shape != value.shape:
            raise InputError(
                f'the checkpoint does not fit the model: {name} has the shape '
                f'{tuple(given.shape)}, the model {tuple(value.shape)}; use the config that it '
                'was trained with'
            )
