import copy
from pathlib import Path

import pytest
from mmengine.config import Config

from taco_plugin.config import put_on_taco
from taco_plugin.errors import InputError

BASE: dict = {
    'model': {
        'backbone': {'init_cfg': {'type': 'Pretrained'}},
        'roi_head': {'bbox_head': {'num_classes': 80}, 'mask_head': {'num_classes': 80}},
    },
    'train_dataloader': {
        'batch_size': 2,
        'dataset': {
            'type': 'MultiImageMixDataset',
            'dataset': {
                'type': 'CocoDataset',
                'metainfo': {'classes': ('a',)},
                'pipeline': [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}],
            },
        },
    },
    'val_dataloader': {'dataset': {'type': 'CocoDataset', 'ann_file': 'val2017.json'}},
    'test_dataloader': {'dataset': {'type': 'CocoDataset', 'ann_file': 'val2017.json'}},
    'val_evaluator': {'type': 'CocoMetric', 'metric': ['bbox', 'segm']},
    'auto_scale_lr': {'base_batch_size': 16},
}


def on_taco(config: dict, taxonomy: str, load_from: str | None = None) -> dict:
    config = copy.deepcopy(config)
    put_on_taco(config, taxonomy, load_from)
    return config


def test_every_place_that_knows_the_classes_is_set():
    config = on_taco(BASE, taxonomy='taco10')
    roi_head = config['model']['roi_head']
    assert roi_head['bbox_head']['num_classes'] == roi_head['mask_head']['num_classes'] == 10
    datasets = [
        config['train_dataloader']['dataset']['dataset'],
        config['val_dataloader']['dataset'],
        config['test_dataloader']['dataset'],
    ]
    assert [dataset['type'] for dataset in datasets] == ['TacoDataset'] * 3
    assert [dataset['taxonomy'] for dataset in datasets] == ['taco10'] * 3
    assert [dataset['ann_file'] for dataset in datasets] == [
        f'annotations/{split}.json' for split in ('train', 'val', 'test')
    ]
    assert 'metainfo' not in datasets[0]
    assert datasets[0]['pipeline'][0]['type'] == 'LoadTacoImage'
    assert config['val_evaluator'] == {'type': 'TacoMetric', 'metric': ['bbox', 'segm']}
    assert config['auto_scale_lr'] == {'base_batch_size': 16, 'enable': True}


def test_backbone_weights_are_fetched_only_without_a_checkpoint():
    assert on_taco(BASE, 'taco1')['model']['backbone']['init_cfg'] == {'type': 'Pretrained'}
    config = on_taco(BASE, 'taco1', load_from='weights.pth')
    assert config['model']['backbone']['init_cfg'] is None
    assert config['load_from'] == 'weights.pth'


def test_another_taxonomy_keeps_what_the_user_set():
    config = on_taco(BASE, taxonomy='detectwaste7')
    config['val_dataloader']['dataset']['ann_file'] = 'mine.json'
    changed = on_taco(config, taxonomy='taco10')
    assert changed['val_dataloader']['dataset']['ann_file'] == 'mine.json'
    assert changed['val_dataloader']['dataset']['taxonomy'] == 'taco10'
    assert changed['default_hooks'] == config['default_hooks']


def test_data_root_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv('TACO_DATA_ROOT', '/photographs')
    config = on_taco(BASE, taxonomy='taco1')
    assert config['data_root'] == '/photographs'
    assert config['test_dataloader']['dataset']['data_root'] == '/photographs'


def test_imports_of_the_base_are_kept():
    base = {**BASE, 'custom_imports': {'imports': ['mine']}}
    assert on_taco(base, 'taco1')['custom_imports']['imports'] == ['mine', 'taco_plugin.plugin']


def test_joined_data_sets_are_refused():
    joined = {'type': 'ConcatDataset', 'datasets': []}
    with pytest.raises(InputError, match='train_dataloader of the config joins several'):
        on_taco({**BASE, 'train_dataloader': {'dataset': joined}}, 'taco1')


def test_unknown_taxonomy_is_refused():
    with pytest.raises(InputError, match='taco99'):
        on_taco(BASE, 'taco99')


def test_any_config_of_mmdetection_in_three_lines(tmp_path: Path):
    leaf = tmp_path / 'rtmdet.py'
    leaf.write_text(
        "_base_ = 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'\n"
        'from taco_plugin.config import put_on_taco\n'
        "put_on_taco(_base_, taxonomy='taco10')\n"
    )
    config = Config.fromfile(leaf)
    assert config.model.bbox_head.num_classes == 10
    assert config.train_dataloader.dataset.type == 'TacoDataset'
    assert config.val_evaluator == {'type': 'TacoMetric', 'metric': 'bbox'}
