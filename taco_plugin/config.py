"""Adapts any MMDetection config to TACO, or a TACO config to another taxonomy."""

import copy
import os
from typing import Any

from .class_counts import Config, set_class_counts, type_name, walk
from .errors import InputError
from .options import checked
from .taxonomies import load_taxonomy

UNSUITED = {
    'language_model': 'the detector is told its classes as text, which no taxonomy can change',
    'semantic_head': 'it learns from segmentation maps, which TACO lacks; make it None before',
}
"""Keys of models that cannot be adapted to TACO, and why."""

METRICS: dict[str, list[str]] = {
    **{'CocoMetric': [], 'LVISMetric': [], 'CityScapesMetric': ['segm']},
    **{'CocoPanopticMetric': ['bbox', 'segm'], 'OpenImagesMetric': ['bbox'], 'VOCMetric': ['bbox']},
}
"""Replaceable metrics -> what a TacoMetric then scores; if empty, what the metric scores."""

REPLACED = {'SSDHead': 'TacoSSDHead', 'EQLV2Loss': 'TacoEQLV2Loss'}
"""Modules that cannot predict what they learn -> ours, which can."""

OF_THE_OLD_FILES = ('ann_file', 'data_prefix', 'data_root', 'metainfo', 'seg_map_suffix', 'type')
KEPT = (
    *('_scope_', 'backend_args', 'filter_cfg', 'indices', 'lazy_init', 'max_refetch', 'pipeline'),
    *('serialize_data', 'test_mode'),
)
"""Arguments of a data set: those that use_taco replaces, and those that it keeps."""


@checked
def use_taco(config: Config, taxonomy: str, load_from: str | None = None) -> None:
    """Changes ``config`` in place to train and score on TACO, with the classes of ``taxonomy``.

    Two bases of a config file may not share keys, and MMDetection's configs already define a data
    set, so TACO cannot be a second base. Instead, a config file changes its base before its own
    settings are merged into it::

        _base_ = 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'
        from taco_plugin.config import use_taco

        use_taco(_base_, taxonomy='taco10')

    Every number of classes is set to the taxonomy's, in heads, in losses and in the length of
    lists of class weights; the number of stuff classes is set to 0. Every data set becomes a
    TacoDataset on the prepared train, val or test file, and every evaluator a TacoMetric of boxes,
    masks or both. ``train_annotations`` names the file to count classes in. Segmentation maps are
    not loaded. The best checkpoint is kept, the learning rate is scaled to the batch size, and the
    plugin is imported. (RTMDet's configs give their rate for fewer images than one GPU gets. It is
    for eight such GPUs.) Augmentations, schedule and all else stay as they are. If the config is on
    TACO already, only the taxonomy is changed, including that of class weights.

    Args:
        config: ``_base_`` in a config file, or a config that was loaded.
        taxonomy: Name of a taxonomy, or path of a CSV with the columns ``category,class``.
        load_from: URL or path of a checkpoint of the whole detector to fine-tune. The pretrained
            weights of the backbone alone are then not downloaded.

    Raises:
        InputError: If there is no such taxonomy, or a setting of the config is not understood or
            cannot work on TACO; the message begins with its dotted key.

    >>> config = dict(model=dict(bbox_head=dict(type='RetinaHead', num_classes=80)))
    >>> use_taco(config, taxonomy='taco10')
    >>> config['model']
    {'bbox_head': {'type': 'RetinaHead', 'num_classes': 10}}
    """
    classes = load_taxonomy(taxonomy).classes
    root = getattr(config, '_cfg_dict', config)
    if 'model' not in root:
        raise InputError('model: the config has none; name one that trains a detector')
    _check_model(root, taxonomy)
    if load_from is not None:
        root['load_from'] = load_from
        for path, node in walk(root['model']):
            if path.endswith('backbone'):
                node['init_cfg'] = None
    if 'taxonomy' not in root:
        _set_pipelines(root)
        _set_data(root)
        _set_runtime(root)
    set_class_counts(root, len(classes))
    for path, node in walk(root):
        if 'taxonomy' in node:
            node['taxonomy'] = taxonomy
        if path.startswith('model.') and type_name(node) in REPLACED:
            node['type'] = REPLACED[type_name(node)]
    root['taxonomy'] = taxonomy


@checked
def fine_tune(config: Config) -> None:
    """Gives ``config`` the schedule of ``configs/taco/faster_rcnn.py``, in place.

    It has 64 epochs, the last 8 of them at a tenth of the learning rate; every fourth is validated.
    """
    config['train_cfg'].update(max_epochs=64, val_interval=4)
    step = {'begin': 0, 'end': 64, 'milestones': [56], 'gamma': 0.1, 'by_epoch': True}
    config['param_scheduler'] = [
        {'type': 'LinearLR', 'start_factor': 0.001, 'by_epoch': False, 'begin': 0, 'end': 500},
        {'type': 'MultiStepLR', **step},
    ]


def _check_model(root: Config, taxonomy: str) -> None:
    """Refuses models that need inputs or teachers that TACO cannot provide."""
    from mmengine.config import Config as ConfigFile

    for path, node in walk(root['model'], 'model'):
        for key, reason in UNSUITED.items():
            if node.get(key):
                raise InputError(f'{path}.{key}: {reason}')
        teacher = node.get('teacher_config')
        if isinstance(teacher, str | os.PathLike) and not (
            os.path.isfile(teacher) and ConfigFile.fromfile(teacher).get('taxonomy') == taxonomy
        ):
            raise InputError(
                f'{path}.teacher_config: {teacher} is not a config on {taxonomy}; train the '
                'teacher on TACO, and name its config and checkpoint before'
            )
        if str(node.get('teacher_ckpt')).startswith('http'):
            raise InputError(
                f"{path}.teacher_ckpt: published teachers know other classes than TACO's; train "
                'one on TACO, and name its checkpoint before'
            )


def _set_runtime(root: Config) -> None:
    imports = root.get('custom_imports', {}).get('imports', [])
    imports = [imports] if isinstance(imports, str) else list(imports)
    imports.append('taco_plugin.plugin')
    root['custom_imports'] = {'imports': imports, 'allow_failed_imports': False}
    scored = root['val_evaluator']['metric']  # both kinds in a list
    monitor = f'coco/{scored if isinstance(scored, str) else "bbox"}_mAP'
    hooks = root.setdefault('default_hooks', {})
    hooks['class_check'] = {'type': 'ClassCheckHook'}
    hooks['run_summary'] = {'type': 'RunSummaryHook'}
    root.setdefault('log_processor', {})['type'] = 'TacoLogProcessor'
    hooks['evaluation_report'] = {'type': 'EvaluationReportHook'}
    hooks['early_stopping'] = {'type': 'TacoEarlyStoppingHook', 'monitor': monitor}
    hooks.setdefault('visualization', {})['type'] = 'TacoVisualizationHook'
    hooks.setdefault('checkpoint', {'type': 'CheckpointHook', 'interval': 1}).update(
        save_best=monitor, rule='greater', max_keep_ckpts=2
    )
    if 'auto_scale_lr' in root:
        scale, loader = root['auto_scale_lr'], root.get('train_dataloader') or {}
        scale['enable'] = True
        batch = loader.get('batch_size', 0)
        if scale.get('base_batch_size', batch) < batch:
            scale['base_batch_size'] = 8 * batch


def _set_pipelines(root: Config) -> None:
    """Stops every pipeline, including those of hooks, from loading or padding segmentation maps."""
    test_cfg = root['model'].get('test_cfg') or {}
    finds_instances = 'instance_on' in test_cfg  # a MaskFormer, panoptic or not
    for path, node in walk(root):
        if type_name(node) == 'LoadPanopticAnnotations':
            if not finds_instances:
                raise InputError(f'{path}.type: TACO has no panoptic annotations')
            node.update(type='LoadAnnotations', with_bbox=True, with_mask=True)
        for key in ('with_seg', 'pad_seg'):
            if node.get(key):
                node[key] = False
    if finds_instances:
        test_cfg.update(instance_on=True, panoptic_on=False)


def _set_data(root: Config) -> None:
    data_root = os.environ.get('TACO_DATA_ROOT', 'data/taco/')
    root['dataset_type'], root['data_root'] = 'TacoDataset', data_root
    root['train_annotations'] = os.path.join(data_root, 'annotations', 'train.json')
    root.pop('metainfo', None)
    root.pop('METAINFO', None)
    for split in ('train', 'val', 'test'):
        key = f'{split}_dataloader'
        if root.get(key):
            loader = root[key] = copy.deepcopy(root[key])  # val and test may be one object
            settings = {'data_root': data_root, 'ann_file': f'annotations/{split}.json'}
            loader['dataset'] = _dataset(loader['dataset'], f'{key}.dataset', settings)
    kinds = ['bbox']
    for key in ('val_evaluator', 'test_evaluator'):
        kinds = _kinds(root.get(key), key) or kinds
        root[key] = {'type': 'TacoMetric', 'metric': kinds if len(kinds) > 1 else kinds[0]}


def _dataset(dataset: Config, path: str, settings: Config) -> Config:
    if 'datasets' in dataset:
        raise InputError(f'{path}.datasets: several data sets are joined; name one')
    if 'dataset' in dataset:
        dataset['dataset'] = _dataset(dataset['dataset'], f'{path}.dataset', settings)
        return dataset
    if key := next((key for key in dataset if key not in (*KEPT, *OF_THE_OLD_FILES)), None):
        raise InputError(
            f'{path}.{key}: a TacoDataset has no such argument of {type_name(dataset)}; take a '
            "config for COCO's detection, or delete it before"
        )
    kept = {key: value for key, value in dataset.items() if key in KEPT}
    return {**kept, 'type': 'TacoDataset', 'taxonomy': '', 'data_prefix': {'img': ''}, **settings}


def _kinds(evaluator: Any, path: str) -> list[str]:  # noqa: ANN401
    kinds: set[str] = set()
    several = isinstance(evaluator, list | tuple)
    for index, metric in enumerate(evaluator if several else filter(None, [evaluator])):
        key = f'{path}.{index}' if several else path
        name = type_name(metric)
        if name not in METRICS:
            raise InputError(
                f'{key}.type: TACO cannot be scored by {name}; take a config that is scored by '
                'CocoMetric'
            )
        given = metric.get('metric', 'bbox')
        scored = METRICS[name] or ([given] if isinstance(given, str) else given)
        if not set(scored) <= {'bbox', 'segm'}:
            raise InputError(
                f'{key}.metric: {given} is neither bbox nor segm, by which classes are scored'
            )
        kinds.update(scored)
    return sorted(kinds)
