"""What `use_taco` makes of configs, and what it refuses."""

import copy
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mmdet
import pytest
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules
from mmengine.config import Config

import taco_plugin.plugin  # noqa: F401
from taco_plugin.class_counts import DEFAULTS
from taco_plugin.config import REPLACED, use_taco
from taco_plugin.errors import InputError

STOCK = Path(mmdet.__file__).parent / '.mim' / 'configs'
DATASET = 'train_dataloader.dataset'

CHOSEN = {  # of the other families, the first config
    'cascade_rpn': 'cascade-rpn_faster-rcnn_r50-caffe_fpn_1x_coco',
    'guided_anchoring': 'ga-retinanet_r50-caffe_fpn_1x_coco',
    'libra_rcnn': 'libra-retinanet_r50_fpn_1x_coco',
    'pascal_voc': 'faster-rcnn_r50_fpn_1x_voc0712-cocofmt',
    'qdtrack': 'qdtrack_faster-rcnn_r50_fpn_8xb2-4e_mot17halftrain_test-mot17halfval',
}
REFUSED = {  # families without a config that can be put on TACO: the key that is at fault
    'bytetrack': f'{DATASET}.dataset.datasets',  # tracking: several data sets, of videos
    'common': 'model',  # schedules and data sets alone
    'crowddet': 'val_evaluator.type',  # two boxes per proposal, of one class only
    'deepsort': 'val_evaluator.type',  # tracking
    'dsdl': f'{DATASET}.specific_key_path',  # a format of annotation files
    'fast_rcnn': f'{DATASET}.proposal_file',  # proposals for COCO's images
    'glip': 'model.language_model',  # detectors that are told their classes as text
    'grounding_dino': 'model.language_model',
    'lad': 'model.teacher_ckpt',  # distillation from a teacher of COCO's classes
    'ld': 'model.teacher_config',
    'mask2former_vis': f'{DATASET}.dataset_version',  # video
    'masktrack_rcnn': f'{DATASET}.dataset_version',  # video
    'mm_grounding_dino': 'model.language_model',
    'ocsort': f'{DATASET}.dataset.datasets',  # tracking
    'openimages': f'{DATASET}.label_file',  # a hierarchy of classes
    'panoptic_fpn': 'model.semantic_head',  # segmentation maps; so in most of htc and detectors
    'qdtrack': f'{DATASET}.visibility_thr',  # tracking
    'reid': f'{DATASET}.triplet_sampler',  # who is who in videos
    'rpn': 'val_evaluator.metric',  # proposals without classes
    'scnet': 'model.roi_head.semantic_head',  # segmentation maps
    'soft_teacher': f'{DATASET}.datasets',  # labelled images and others
    'strongsort': 'val_evaluator.type',  # tracking
}
UNLOADABLE = {
    '_base_',  # parts of configs
    'convnext', 'timm_example',  # need mmpretrain
    'sort',  # needs a file that is not shipped
}  # fmt: skip
FAMILIES = sorted({path.parent.name for path in STOCK.glob('*/*.py')} - UNLOADABLE)
OTHERS = [
    'faster_rcnn/faster-rcnn_r50-caffe_fpn_ms-1x_coco-person-bicycle-car',
    'hrnet/fcos_hrnetv2p-w18-gn-head_4xb4-1x_coco',
    'mask2former/mask2former_r50_8xb2-lsj-50e_coco',
    'rtmdet/rtmdet_tiny_8xb32-300e_coco',
]


def stock(name: str) -> Config:
    """The named config of a family of MMDetection's, or the one chosen for it."""
    if '/' in name:
        return Config.fromfile(STOCK / f'{name}.py')
    paths = sorted((STOCK / name).glob('*.py'))
    return Config.fromfile(STOCK / name / f'{CHOSEN[name]}.py' if name in CHOSEN else paths[0])


def on_taco(config: dict, taxonomy: str = 'taco10', load_from: str | None = None) -> dict:
    config = copy.deepcopy(config)
    use_taco(config, taxonomy, load_from)
    return config


def leaves(node: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """Everything in a config that is no dict, but number by number in lists, with its path."""
    if isinstance(node, dict | list | tuple):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(value, (*path, key))
        if isinstance(node, list | tuple):
            yield (*path, 'len'), len(node)
    else:
        yield path, node


def counts_left(config: Config) -> list[tuple]:
    """Numbers and lengths that are not taco10's, under a key of classes or as of another data set.

    Allowed are 0 for stuff, 10 for objects, 11 with background.
    """
    others = {count + extra for count in (80, 133, 183, 1203, 1230, 13204) for extra in (0, 1)}
    return [
        (path, value)
        for path, value in leaves(config.to_dict())
        if type(value) is int
        and (
            (any('class' in str(key) for key in path) and value not in {0, 10, 11})
            or (path[0] == 'model' and value in others and 'channels' not in str(path))
        )
    ]


@pytest.mark.parametrize('family', [f for f in FAMILIES if f not in REFUSED] + OTHERS)
def test_no_number_of_classes_is_left(family):
    config = stock(family)
    assert counts_left(config) != []
    use_taco(config, taxonomy='taco10')
    assert counts_left(config) == []
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        dataset = dataset.get('dataset', dataset)
        assert (dataset.type, dataset.taxonomy) == ('TacoDataset', 'taco10')
        assert dataset.ann_file == f'annotations/{split}.json'
    assert config.val_evaluator.type == config.test_evaluator.type == 'TacoMetric'
    settings = list(leaves(config.to_dict()))
    assert not {'LoadPanopticAnnotations', 'SSDHead'} & {v for _, v in settings if type(v) is str}
    assert not any(value for path, value in settings if path[-1] in ('with_seg', 'pad_seg'))


@pytest.mark.parametrize('family', REFUSED)
def test_a_family_that_cannot_be_put_on_taco_is_refused_by_key(family):
    with pytest.raises(InputError) as error:
        use_taco(stock(family), taxonomy='taco10')
    assert str(error.value).startswith(f'{REFUSED[family]}: ')


def test_other_data_sets_that_mmdetection_counts_by_default():
    register_all_modules()
    found = {}
    for name, kind in MODELS.module_dict.items():
        arguments: dict = {}
        for base in kind.__mro__ if inspect.isclass(kind) else ():
            if '__init__' in vars(base):
                arguments = {**inspect.signature(base.__init__).parameters, **arguments}
        keys = [key for key in arguments if key in ('num_classes', *DEFAULTS['MaskFormerHead'])]
        counts = [key for key in keys if type(arguments[key].default) is int]
        found[name] = tuple(key for key in counts if arguments[key].default > 1)
    unsuited = {'FusedSemanticHead', 'SCNetSemanticHead', 'PanopticFPNHead', 'HeuristicFusionHead'}
    unsuited |= {'BasePanopticFusionHead', 'Mask2FormerTrackHead'}  # abstract; for video
    assert {name: keys for name, keys in found.items() if keys and name not in unsuited} == DEFAULTS


BASE: dict = {
    'model': {
        'backbone': {'init_cfg': {'type': 'Pretrained'}, 'num_classes': 1000},
        'rpn_head': {'num_classes': 1},
        'roi_head': {'bbox_head': {'num_classes': 80}, 'mask_head': {'type': 'FCNMaskHead'}},
    },
    'train_dataloader': {
        'dataset': {
            'type': 'RepeatDataset',
            'dataset': {
                'type': 'CocoDataset',
                'metainfo': {'classes': ('a',)},
                'filter_cfg': {'min_size': 32},
                'pipeline': [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}],
            },
        },
    },
    'val_dataloader': {'dataset': {'type': 'CocoDataset', 'ann_file': 'val2017.json'}},
    'test_dataloader': {'dataset': {'type': 'CocoDataset', 'ann_file': 'val2017.json'}},
    'val_evaluator': {'type': 'CocoMetric', 'metric': ['bbox', 'segm']},
    'auto_scale_lr': {'base_batch_size': 16},
}


UNEVEN = [1.0] * 79 + [2.0]


def with_head(**bbox_head: Any) -> dict:
    return {'model': {'bbox_head': {'num_classes': 80, **bbox_head}}}


def test_what_is_no_class_count_stays():
    config = on_taco(BASE)
    assert config['model']['backbone'] == BASE['model']['backbone']
    assert on_taco(BASE, load_from='weights.pth')['model']['backbone']['init_cfg'] is None
    assert config['model']['rpn_head'] == {'num_classes': 1}
    assert config['model']['roi_head']['mask_head'] == {'type': 'FCNMaskHead', 'num_classes': 10}
    dataset = config['train_dataloader']['dataset']['dataset']
    assert dataset['pipeline'] == BASE['train_dataloader']['dataset']['dataset']['pipeline']
    assert dataset['filter_cfg'] == {'min_size': 32}
    assert 'metainfo' not in dataset
    assert config['val_evaluator'] == {'type': 'TacoMetric', 'metric': ['bbox', 'segm']}
    assert config['auto_scale_lr'] == {'base_batch_size': 16, 'enable': True}


@pytest.mark.parametrize('loss', ['EQLV2Loss', 'mmdet.SeesawLoss'])
def test_a_loss_is_told_the_number_of_classes_even_where_it_was_not(loss):
    config = on_taco(with_head(loss_cls={'type': loss}))
    ours = REPLACED.get(loss, loss)  # stock EQLV2Loss does not predict what it learns
    assert config['model']['bbox_head']['loss_cls'] == {'type': ours, 'num_classes': 10}


@pytest.mark.parametrize(('name', 'batch'), [(OTHERS[-1], 256), ('detr', 16)])
def test_the_learning_rate_is_for_the_batch_of_the_stock_run(name, batch):
    config = stock(name)
    use_taco(config, taxonomy='taco10')
    assert config.auto_scale_lr == {'enable': True, 'base_batch_size': batch}


@pytest.mark.parametrize(
    ('weights', 'expected'),
    [
        ([1.0] * 80, [1.0] * 10),
        ([1.0] * 80 + [0.1], [1.0] * 10 + [0.1]),
        ([2.0] * 81, [2.0] * 11),
        (1.0, 1.0),
        ([1.0, 0.1], [1.0, 0.1]),  # of objects and background
    ],
)
def test_class_weights_become_as_long_as_there_are_classes(weights, expected):
    seven = on_taco(with_head(loss_cls={'class_weight': weights}), taxonomy='detectwaste7')
    for config in (with_head(loss_cls={'class_weight': weights}), seven):
        loss = on_taco(config)['model']['bbox_head']['loss_cls']
        assert loss['class_weight'] == expected


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (with_head(num_object_classes=80), 'model.bbox_head.num_object_classes: 80 may be'),
        (with_head(stages=[{'class_channels': 80}]), 'model.bbox_head.stages.0.class_channels: '),
        (with_head(class_names=['a'] * 80), 'model.bbox_head.class_names: these are 80 entries'),
        (with_head(loss_cls={'class_weight': UNEVEN}), 'model.bbox_head.loss_cls.class_weight: '),
        ({'custom_hooks': [{'num_classes_seen': 80}]}, 'custom_hooks.0.num_classes_seen: '),
        ({'val_evaluator': [{'type': 'LVISFixedAPMetric'}]}, 'val_evaluator.0.type: '),
        ({'test_evaluator': {'type': 'ReIDMetrics'}}, 'test_evaluator.type: TACO cannot'),
    ],
)
def test_what_is_not_understood_is_refused_by_key(settings, message):
    with pytest.raises(InputError) as error:
        on_taco({**BASE, **settings})
    assert str(error.value).startswith(message)
    assert on_taco(with_head(num_object_classes=10))  # as the user is told


@pytest.mark.parametrize(
    ('evaluator', 'metric'),
    [
        ({'type': 'VOCMetric', 'metric': 'mAP', 'eval_mode': '11points'}, 'bbox'),
        ({'type': 'LVISMetric', 'metric': ['bbox', 'segm'], 'ann_file': 'x'}, ['bbox', 'segm']),
        ([{'type': 'CocoMetric', 'metric': 'segm'}], 'segm'),
        ([{'type': 'CocoMetric'}, {'type': 'CityScapesMetric'}], ['bbox', 'segm']),
    ],
)
def test_other_metrics_are_replaced_by_what_they_score(evaluator, metric):
    config = on_taco({**BASE, 'val_evaluator': evaluator})
    assert config['val_evaluator'] == config['test_evaluator']
    assert config['val_evaluator'] == {'type': 'TacoMetric', 'metric': metric}
    best = 'coco/segm_mAP' if metric == 'segm' else 'coco/bbox_mAP'
    assert config['default_hooks']['checkpoint']['save_best'] == best
    assert config['default_hooks']['early_stopping']['monitor'] == best


def test_segmentation_maps_are_not_loaded_wherever_a_pipeline_stands():
    pipeline = [{'type': 'LoadAnnotations', 'with_mask': True, 'with_seg': True}]
    hooks = [{'type': 'PipelineSwitchHook', 'switch_pipeline': pipeline}]
    config = on_taco({**BASE, 'custom_hooks': hooks, 'tta_pipeline': copy.deepcopy(pipeline)})
    expected = [{'type': 'LoadAnnotations', 'with_mask': True, 'with_seg': False}]
    assert config['custom_hooks'][0]['switch_pipeline'] == config['tta_pipeline'] == expected
    htc = stock('htc/htc_r50_fpn_1x_coco')
    htc.model.roi_head.semantic_head = None  # as the refusal says
    use_taco(htc, taxonomy='taco10')
    assert counts_left(htc) == []


def test_a_teacher_must_know_the_classes(tmp_path: Path):
    teacher = tmp_path / 'teacher.py'
    teacher.write_text("taxonomy = 'taco10'\nmodel = dict()\n")
    student = {'model': {'teacher_config': str(teacher), 'teacher_ckpt': 'best.pth'}}
    assert on_taco(student, 'taco10')['taxonomy'] == 'taco10'
    with pytest.raises(InputError, match=r'^model\.teacher_config: .*teacher\.py is not a config'):
        on_taco(student, 'taco1')


def test_another_taxonomy_keeps_what_the_user_set():
    config = on_taco(BASE, taxonomy='detectwaste7')
    config['val_dataloader']['dataset']['ann_file'] = 'mine.json'
    changed = on_taco(config, taxonomy='taco10')
    assert changed['val_dataloader']['dataset']['ann_file'] == 'mine.json'
    assert changed['val_dataloader']['dataset']['taxonomy'] == 'taco10'
    assert changed['default_hooks'] == config['default_hooks']


def test_data_root_comes_from_the_environment_and_imports_are_kept(monkeypatch):
    monkeypatch.setenv('TACO_DATA_ROOT', '/photographs')
    config = on_taco({**BASE, 'custom_imports': {'imports': 'mine'}})
    assert config['data_root'] == '/photographs'
    assert config['test_dataloader']['dataset']['data_root'] == '/photographs'
    assert config['custom_imports']['imports'] == ['mine', 'taco_plugin.plugin']


def test_unknown_taxonomy_is_refused():
    with pytest.raises(InputError, match='taco99'):
        on_taco(BASE, 'taco99')
