"""Puts any MMDetection config on TACO, or a TACO config on another taxonomy."""

import copy
import functools
import os
from collections.abc import Callable, MutableMapping
from typing import Any

from .errors import InputError
from .taxonomies import load_taxonomy

Config = MutableMapping[str, Any]

STAND_INS = {
    'LoadAnnotations': 'LoadTacoAnnotations',
    'LoadImageFromFile': 'LoadTacoImage',
    'MultiImageMixDataset': 'TacoMultiImageMixDataset',
    'SSDHead': 'TacoSSDHead',
}
"""MMDetection's classes, and what stands in for them."""


def put_on_taco(config: Config, taxonomy: str, load_from: str | None = None) -> None:
    """Changes ``config`` in place to train and score on TACO, with the classes of ``taxonomy``.

    A config file may not name two bases that share keys, and MMDetection's configs bring a data
    set of their own, so TACO cannot be a second base. Instead, a config file changes its base
    before the settings of its own are merged into it::

        _base_ = 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'
        from taco_plugin.config import put_on_taco

        put_on_taco(_base_, taxonomy='taco10')

    Every ``num_classes`` of the model becomes the number of classes, every ``taxonomy`` of class
    weights this one, every data set a :class:`~taco_plugin.datasets.TacoDataset` on the prepared
    train, val or test file, every evaluator a
    :class:`~taco_plugin.evaluation.taco_metric.TacoMetric`; ``train_annotations`` names the file to
    count classes in. The best checkpoint is kept, the learning rate scaled to the batch size, and
    the plugin imported. Augmentations, schedule and all else stay as they are. Of a config that is
    on TACO already, only the taxonomy changes.

    Args:
        config: ``_base_`` in a config file, or a config that was loaded.
        taxonomy: Name of a taxonomy, or path of a CSV with the columns ``category,class``.
        load_from: Address or path of a checkpoint of the whole detector to fine-tune. The weights
            that the config gives to the backbone alone are then not fetched.

    Raises:
        InputError: If there is no such taxonomy, or the config joins several data sets.

    >>> config = dict(model=dict(bbox_head=dict(type='RetinaHead', num_classes=80)))
    >>> put_on_taco(config, taxonomy='taco10')
    >>> config['model']
    {'bbox_head': {'type': 'RetinaHead', 'num_classes': 10}}
    """
    num_classes = len(load_taxonomy(taxonomy).classes)
    _edit(config['model'], 'num_classes', lambda _: num_classes)
    if load_from is not None:
        config['load_from'] = load_from
        config['model']['backbone']['init_cfg'] = None
    if 'taxonomy' not in config:
        _set_runtime(config)
        _set_data(config)
        _edit(config['model'], 'type', _stand_in)
    for key in ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader'):
        _edit(config.get(key), 'taxonomy', lambda _: taxonomy)
    config['taxonomy'] = taxonomy


def _stand_in(name: Any) -> Any:  # noqa: ANN401
    return STAND_INS.get(name, name) if isinstance(name, str) else name


def _set_runtime(config: Config) -> None:
    """What every config on TACO shares beside its data and its model."""
    imports = config.get('custom_imports', {}).get('imports', [])
    imports = [imports] if isinstance(imports, str) else list(imports)
    config['custom_imports'] = {
        'imports': [*imports, 'taco_plugin.plugin'],
        'allow_failed_imports': False,
    }
    hooks = config.setdefault('default_hooks', {})
    hooks['class_check'] = {'type': 'ClassCheckHook'}
    hooks['evaluation_report'] = {'type': 'EvaluationReportHook'}
    hooks['early_stopping'] = {'type': 'TacoEarlyStoppingHook'}
    hooks.setdefault('visualization', {})['type'] = 'TacoVisualizationHook'
    hooks.setdefault('checkpoint', {'type': 'CheckpointHook', 'interval': 1}).update(
        save_best='coco/bbox_mAP', rule='greater', max_keep_ckpts=1
    )
    if 'auto_scale_lr' in config:
        config['auto_scale_lr']['enable'] = True


def _set_data(config: Config) -> None:
    """Data sets that hold an empty ``taxonomy``, and their evaluators."""
    root = os.environ.get('TACO_DATA_ROOT', 'data/taco/')
    config['dataset_type'], config['data_root'] = 'TacoDataset', root
    config['train_annotations'] = os.path.join(root, 'annotations', 'train.json')
    for split in ('train', 'val', 'test'):
        key = f'{split}_dataloader'
        if config.get(key):
            config[key] = copy.deepcopy(config[key])  # val and test may be one object
            _edit(config[key], 'dataset', functools.partial(_dataset, split=split, root=root))
            _edit(config[key], 'type', _stand_in)
    for key in ('val_evaluator', 'test_evaluator'):
        stock = config.get(key)
        metric = stock.get('metric', 'bbox') if isinstance(stock, MutableMapping) else 'bbox'
        config[key] = {'type': 'TacoMetric', 'metric': metric}


def _dataset(dataset: Config, split: str, root: str) -> Config:
    """``dataset`` as a TacoDataset on ``split``; a wrapper's inner data set is edited instead."""
    if 'datasets' in dataset:
        raise InputError(f'{split}_dataloader of the config joins several data sets; name one')
    if 'dataset' in dataset:
        return dataset
    return {
        **{key: value for key, value in dataset.items() if key != 'metainfo'},
        'type': 'TacoDataset',
        'taxonomy': '',
        'data_root': root,
        'ann_file': f'annotations/{split}.json',
        'data_prefix': {'img': ''},
    }


def _edit(node: Any, key: str, edit: Callable[[Any], Any]) -> None:  # noqa: ANN401
    """Replaces the value of every ``key`` in nested dicts and lists, in place, outermost first."""
    if isinstance(node, list | tuple):
        for item in node:
            _edit(item, key, edit)
    elif isinstance(node, MutableMapping):
        if key in node:
            node[key] = edit(node[key])
        for value in node.values():
            _edit(value, key, edit)
