"""Puts any of Detectron2's configs on TACO: LazyConfig with ``use_taco``, YAML with ``TACO``."""

import os
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from detectron2.config import CfgNode, LazyCall
from detectron2.data import DatasetMapper, get_detection_dataset_dicts
from detectron2.modeling.meta_arch import RetinaNet
from detectron2.modeling.roi_heads import FastRCNNOutputLayers
from detectron2.solver import WarmupParamScheduler
from fvcore.common.param_scheduler import MultiStepParamScheduler
from omegaconf import DictConfig, OmegaConf

from ..errors import InputError
from ..taxonomies import load_taxonomy
from .datasets import TacoDatasetMapper, register_taco
from .losses import WeightedOutputLayers, WeightedRetinaNet

PARTS = ('model', 'dataloader', 'optimizer', 'lr_multiplier', 'train')
UNSUITED = {
    'sem_seg_head': 'it learns from segmentation maps, which TACO lacks; delete it before',
    'keypoint_head': 'it learns from keypoints, which TACO lacks; delete it before',
    'get_fed_loss_cls_weights': 'it counts the images of LVIS; delete it and use_fed_loss before',
}
"""Keys of models that cannot be adapted to TACO, and why."""


def use_taco(config: MutableMapping[str, Any], taxonomy: str, root: str | None = None) -> None:
    """Changes a LazyConfig in place to train and score on TACO, with the classes of ``taxonomy``.

    The data sets are registered, and named in the data loaders; every ``num_classes`` of the model
    is set, ``TacoEvaluator`` scores, and ``train.taco`` keeps taxonomy and folder. Augmentations,
    schedule and all else stay as they are. If the config is on TACO already, only the taxonomy is
    changed, including that of class weights. ``tools/d2_train.py`` also reads what is set here:

    - ``train.taco.base_batch_size``: the batch size for which ``optimizer.lr``, ``train.max_iter``
      and the periods of evaluation and checkpoints are meant. The rate is scaled linearly to the
      batch size of the run and the others inversely; None leaves them as they are.
    - ``train.taco.early_stopping``: arguments of
      :class:`~taco_plugin.d2.hooks.EarlyStoppingHook`.

    Args:
        config: A whole config, from ``detectron2.model_zoo.get_config`` or ``LazyConfig.load``, or
            ``globals()`` in a config file that has imported the parts of another.
        taxonomy: Name of a taxonomy, or path of a CSV with the columns ``category,class``.
        root: Folder of the prepared files; by default ``$TACO_DATA_ROOT``, else ``data/taco/``.

    Raises:
        InputError: If there is no such taxonomy, or a setting of the config is not understood or
            cannot work on TACO; the message begins with its dotted key.
    """
    classes = load_taxonomy(taxonomy).classes
    if missing := [part for part in PARTS if part not in config]:
        raise InputError(
            f'{missing[0]}: the config has none; name one with {", ".join(PARTS)}, such as '
            'COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x.py of detectron2.model_zoo'
        )
    _set_class_counts(config['model'], len(classes), taxonomy)
    known = config['train'].get('taco') or {'early_stopping': {}, 'base_batch_size': 16}
    root = root or known.get('root') or data_root()
    train, val, _ = register_taco(root, taxonomy)
    for split, name in {'train': train, 'test': val}.items():
        _set_data(config['dataloader'], split, name)
    if 'taco' not in config['train']:
        config['dataloader'].evaluator = LazyCall('taco_plugin.d2.evaluator.TacoEvaluator')(
            dataset_name='${..test.dataset.names}', output_dir='${train.output_dir}', tasks=None
        )
    config['train'].taco = dict(known) | {'taxonomy': taxonomy, 'root': root}


def data_root() -> str:
    """Folder of the prepared files, if a config names none."""
    return os.environ.get('TACO_DATA_ROOT', 'data/taco/')


def use_loss(model: DictConfig, **options: Any) -> None:  # noqa: ANN401
    """Gives the classification loss of a LazyConfig's model other options, in place.

    The box predictor (of a cascade, each of them) becomes a
    :class:`~taco_plugin.d2.losses.WeightedOutputLayers`, a RetinaNet a
    :class:`~taco_plugin.d2.losses.WeightedRetinaNet`. Class weights by scheme or name are for the
    taxonomy of the config, and are counted in its training file, unless they name others.

    Raises:
        InputError: If the model has no classification loss that can be replaced.
    """
    heads = model.get('roi_heads') or {}
    predictors = heads.get('box_predictors') or [heads.get('box_predictor') or model]
    ours = {FastRCNNOutputLayers: WeightedOutputLayers, RetinaNet: WeightedRetinaNet}
    weights: Any = options.get('class_weights')
    if OmegaConf.is_dict(weights) or isinstance(weights, dict):
        weights = {'taxonomy': '${train.taco.taxonomy}'} | dict(weights)
        if 'scheme' in weights:
            weights.setdefault('ann_file', '${train.taco.root}/annotations/train.json')
        options['class_weights'] = weights
    for predictor in predictors:
        target = _target(predictor)
        if target not in (*ours, *ours.values()):
            raise InputError(
                f'model: the loss of {getattr(target, "__name__", target)} cannot be replaced, '
                'only that of FastRCNNOutputLayers and RetinaNet'
            )
        predictor.update(_target_=ours.get(target, target), **options)


def fine_tune(config: DictConfig, init_checkpoint: str, lr: float = 0.02) -> None:
    """Gives a config COCO's weights and the schedule of ``configs/d2/faster_rcnn.py``, in place.

    It has 4,800 iterations of 16 images, 64 epochs of TACO's 1,200 training images; the last
    quarter runs at a tenth of the learning rate. Every fourth epoch is validated.
    """
    config.optimizer.lr = lr
    config.lr_multiplier = LazyCall(WarmupParamScheduler)(
        scheduler=LazyCall(MultiStepParamScheduler)(values=[1.0, 0.1], milestones=[3, 4]),
        warmup_length=1 / 24,
        warmup_method='linear',
        warmup_factor=0.001,
    )
    config.train.update(init_checkpoint=init_checkpoint, max_iter=4800, eval_period=300)
    config.train.checkpointer.update(period=300, max_to_keep=2)


def scale_to_batch(config: DictConfig) -> None:
    """Scales rate, length and periods from ``train.taco.base_batch_size`` to the batch size."""
    base, train = config.train.taco.base_batch_size, config.train
    if base is None:
        return
    factor = config.dataloader.train.total_batch_size / base
    config.optimizer.lr *= factor
    train.max_iter = max(round(train.max_iter / factor), 1)
    train.eval_period = round(train.eval_period / factor)
    train.checkpointer.period = max(round(train.checkpointer.period / factor), 1)


def _set_data(loaders: DictConfig, split: str, name: str) -> None:
    path = f'dataloader.{split}'
    loader: Any = loaders.get(split) or {}
    dataset, mapper = (loader.get(key) or DictConfig({}) for key in ('dataset', 'mapper'))
    if _target(dataset) is not get_detection_dataset_dicts:
        raise InputError(f'{path}.dataset: not from get_detection_dataset_dicts; name one that is')
    if _target(mapper) not in (DatasetMapper, TacoDatasetMapper):
        raise InputError(f'{path}.mapper: a {_target(mapper)}; TACO needs a DatasetMapper')
    dataset.names, mapper._target_ = name, TacoDatasetMapper


def _target(node: Any) -> Any:  # noqa: ANN401
    """What a node builds; a dumped config has its name."""
    target = node.get('_target_')
    known: tuple[Callable, ...] = (
        *(DatasetMapper, TacoDatasetMapper, get_detection_dataset_dicts, FastRCNNOutputLayers),
        *(RetinaNet, WeightedOutputLayers, WeightedRetinaNet),
    )
    return next(
        (one for one in known if target in (one, f'{one.__module__}.{one.__name__}')), target
    )


def _walk(node: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yields each dict in nested dicts and lists with its dotted key, without interpolations."""
    if OmegaConf.is_dict(node):
        yield path, node
    for key in list(node) if OmegaConf.is_dict(node) else range(len(node)):
        if not OmegaConf.is_interpolation(node, key) and OmegaConf.is_config(node[key]):
            yield from _walk(node[key], f'{path}.{key}')


def _set_class_counts(model: DictConfig, count: int, taxonomy: str) -> None:
    """Sets every ``num_classes`` and the taxonomy of class weights; refuses other class counts."""
    found = False
    for path, node in list(_walk(model, 'model')):
        in_backbone = '.backbone' in path  # counts the classes of its pretraining
        for key in [key for key in node if not OmegaConf.is_interpolation(node, key)]:
            value, where = node[key], f'{path}.{key}'
            if key in UNSUITED and value is not None:
                raise InputError(f'{where}: {UNSUITED[key]}')
            if key == 'taxonomy':
                node[key] = taxonomy
            if not isinstance(value, int) or isinstance(value, bool) or in_backbone:
                continue
            if key == 'num_classes':
                node[key], found = count, True
            elif 'class' in key and value != count:
                raise InputError(f'{where}: {value} may be a number of classes; make it {count}')
    if not found:
        raise InputError('model: it has no num_classes that is a number, so detects no classes')


def add_taco_config(cfg: CfgNode) -> None:
    """Adds the node ``TACO`` to a YAML config, before the file is merged into it.

    ``TACO.CLASS_WEIGHTS`` has the keys of ``class_weights`` (``scheme``, ``scale``, ...) or
    ``weights``: a list, or a weight for each name. Taxonomy and training file are those of the
    config. The other options of the losses are those of :mod:`taco_plugin.d2.losses`.
    """
    cfg.TACO = CfgNode(
        {
            'TAXONOMY': 'detectwaste7',
            'ROOT': '',
            'BACKGROUND_WEIGHT': 1.0,
            'LABEL_SMOOTHING': 0.0,
            'GAMMA': 0.0,
            'ALPHA': -1.0,
            'LOSS_CLS_WEIGHT': 1.0,
            'PATIENCE': 0,
            'MIN_DELTA': 0.1,
        }
    )
    cfg.TACO.CLASS_WEIGHTS = CfgNode(new_allowed=True)


def put_yaml_on_taco(cfg: CfgNode) -> None:
    """Registers the data sets of a YAML config and names them in it; sets its numbers of classes.

    Data sets that the config names itself, by names that begin with ``taco_``, are kept.

    Raises:
        InputError: If the model cannot be trained on TACO.
    """
    for key in ('MODEL.KEYPOINT_ON', 'TEST.PRECISE_BN.ENABLED', 'TEST.AUG.ENABLED'):
        node: Any = cfg
        for part in key.split('.'):
            node = node[part]
        if node:
            raise InputError(f'{key}: tools/d2_train.py has none of it; make it False')
    if cfg.MODEL.META_ARCHITECTURE not in ('GeneralizedRCNN', 'RetinaNet', 'WeightedRetinaNet'):
        raise InputError(f'MODEL.META_ARCHITECTURE: {cfg.MODEL.META_ARCHITECTURE} is not supported')
    cfg.TACO.ROOT = cfg.TACO.ROOT or data_root()
    train, val, _ = register_taco(cfg.TACO.ROOT, cfg.TACO.TAXONOMY)
    for split, name in {'TRAIN': train, 'TEST': val}.items():
        if not all(given.startswith('taco_') for given in cfg.DATASETS[split] or ['']):
            cfg.DATASETS[split] = (name,)
    count = len(load_taxonomy(cfg.TACO.TAXONOMY).classes)
    cfg.MODEL.ROI_HEADS.NUM_CLASSES = cfg.MODEL.RETINANET.NUM_CLASSES = count
