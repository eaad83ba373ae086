"""Every config of ours, and stock ones of all kinds: they build, train and predict on TACO."""

import copy
import json
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import mmdet
import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.structures import InstanceData

from taco_plugin.config import use_taco
from taco_plugin.engine import ClassCheckHook
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy

FOLDER = Path(__file__).parents[1] / 'configs' / 'taco'
LEAVES = sorted(str(path.relative_to(FOLDER).with_suffix('')) for path in FOLDER.rglob('*.py'))
STEPPED: set[str] = set()
"""Models that took a step: leaves that differ in other things need not repeat it."""

HEAD, DATA = 'model.bbox_head', 'train_dataloader.dataset'
STEPS = {
    'retinanet_steps/retinanet_step1_flip': {f'{DATA}.pipeline'},
    'retinanet_steps/retinanet_step2_fpn': {'model.backbone', 'model.neck', f'{HEAD}.in_channels'},
    'retinanet_steps/retinanet_step3_focal': {
        *(f'{HEAD}.{key}' for key in ('type', 'in_channels', 'loss_cls', 'loss_bbox', 'init_cfg')),
        *('model.train_cfg.neg_pos_ratio', 'model.train_cfg.smoothl1_beta'),
    },
    'retinanet_steps/retinanet_step4_deep_heads': {f'{HEAD}.stacked_convs'},
    'retinanet_steps/retinanet_step5_bias': {f'{HEAD}.init_cfg.override'},
    'retinanet_steps/retinanet_step6_anchors': {f'{HEAD}.anchor_generator.octave_base_scale'},
    'retinanet_steps/retinanet_step7_more_data': {
        'train_annotations',
        *(f'{split}_dataloader.dataset.ann_file' for split in ('train', 'val', 'test')),
    },
}
"""What each step from SSD to RetinaNet changes."""
STOCK = Path(mmdet.__file__).parent / '.mim' / 'configs'


@pytest.fixture
def annotations(tmp_path, monkeypatch):
    """Writes what class weights are counted in; each class has one box more than the last."""

    def write(classes: tuple[str, ...]) -> None:
        categories = [{'id': number, 'name': name} for number, name in enumerate(classes, 1)]
        labels = [number for number in range(1, len(classes) + 1) for _ in range(number)]
        boxes = [
            {'id': box, 'image_id': 1, 'category_id': label, 'bbox': [1, 1, 9, 9]}
            for box, label in enumerate(labels)
        ]
        image = {'id': 1, 'file_name': 'a.jpg', 'width': 100, 'height': 100}
        coco = {'images': [image], 'categories': categories, 'annotations': boxes}
        (tmp_path / 'annotations').mkdir()
        (tmp_path / 'annotations' / 'train.json').write_text(json.dumps(coco))

    monkeypatch.setenv('TACO_DATA_ROOT', str(tmp_path))
    return write


def datasets_of(config: Config) -> list[dict]:
    datasets = [config[f'{split}_dataloader'].dataset for split in ('train', 'val', 'test')]
    while any('dataset' in dataset for dataset in datasets):  # inside wrappers
        datasets = [dataset.get('dataset', dataset) for dataset in datasets]
    return datasets


def heads_of(node: dict) -> list[int]:
    """Every ``num_classes`` of a model's config."""
    found = [node['num_classes']] if 'num_classes' in node else []
    for value in node.values():
        for part in value if isinstance(value, list) else [value]:  # Cascade R-CNN has three heads
            found += heads_of(part) if isinstance(part, dict) else []
    return found


def batch_of_two(num_classes: int, size: int, masks: bool) -> dict:
    """One image with a box of the first and of the last class, and one without boxes."""
    samples = []
    for labels in ([0, num_classes - 1], []):
        meta = {name: (size, size) for name in ('img_shape', 'ori_shape', 'pad_shape')}
        meta.update(scale_factor=(1, 1), flip=False, border=[0, 0, 0, 0])
        sample = DetDataSample(metainfo=meta)
        boxes = torch.tensor([[4.0, 4, 40, 40], [20, 20, 60, 50]])[: len(labels)]
        sample.gt_instances = InstanceData(
            bboxes=boxes.reshape(-1, 4), labels=torch.tensor(labels).long()
        )
        if masks:
            bitmaps = np.zeros((len(labels), size, size), np.uint8)
            bitmaps[:, 20:40, 20:40] = 1
            sample.gt_instances.masks = BitmapMasks(bitmaps, size, size)
        samples.append(sample)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 255, (2, 3, size, size), dtype=torch.uint8, generator=generator)
    return {'inputs': list(images), 'data_samples': samples}


def shrink(node: object) -> None:
    """Takes weights to fetch, layers, queries and proposals from a model's config, in place."""
    small = {
        'init_cfg': None, 'num_layers': 1, 'num_queries': 20, 'num_proposals': 20, 'nms_pre': 20,
        'max_per_img': 20, 'num': 32, 'num_points': 64, 'fc_out_channels': 16, 'dropout': 0.0,
    }  # fmt: skip
    for item in node if isinstance(node, list | tuple) else ():
        shrink(item)
    if isinstance(node, dict):
        for key in node:
            node[key] = small.get(key, node[key])
            shrink(node[key])


def check_step(config: Config, size: int = 64) -> None:
    """Takes a training step that reaches a classifier, and predicts classes of the taxonomy."""
    torch.manual_seed(0)
    shrink(config.model)
    config.model.data_preprocessor.pop('batch_augments', None)  # needs a runner
    model = MODELS.build(config.model)
    model.init_weights()
    num_classes = len(load_taxonomy(config.taxonomy).classes)
    data = batch_of_two(num_classes, size, masks='segm' in config.val_evaluator.metric)
    losses = model(**model.data_preprocessor(copy.deepcopy(data), training=True), mode='loss')
    total, parsed = model.parse_losses(losses)
    total.backward()
    assert all(torch.isfinite(loss) for loss in parsed.values())
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert all(torch.isfinite(gradient).all() for gradient in gradients.values())
    classifiers = [g for n, g in gradients.items() if re.search('cls|heatmap_head|convs_pred', n)]
    assert any(gradient.abs().sum() > 0 for gradient in classifiers)
    with torch.no_grad():
        samples = model.eval()(**model.data_preprocessor(data), mode='predict')
    labels = torch.cat([sample.pred_instances.labels for sample in samples])
    assert set(labels.tolist()) <= set(range(num_classes))
    check_weights(model)


def check_weights(model: torch.nn.Module) -> None:
    """What a model saves is a checkpoint that can be tested, and fits only whole."""
    loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=SimpleNamespace(metainfo={})))
    loops = {'_train_loop': None, '_val_loop': None, '_test_loop': loop}
    testing = SimpleNamespace(model=model, _resume=False, **loops)
    weights = model.state_dict()
    ClassCheckHook().after_load_checkpoint(testing, {'state_dict': weights})
    lost = next(name for name, _ in model.named_parameters())
    del weights[lost]
    with pytest.raises(InputError, match=f'1 weights are missing, e.g. {re.escape(lost)}'):
        ClassCheckHook().after_load_checkpoint(testing, {'state_dict': weights})


@pytest.mark.parametrize('leaf', LEAVES)
def test_a_leaf_is_whole(leaf, mmdet_scope, annotations):
    path = FOLDER / f'{leaf}.py'
    assert f'Train: tools/train.py configs/taco/{leaf}.py\nResult: ' in path.read_text()
    config = Config.fromfile(path)
    classes = load_taxonomy(config.taxonomy).classes
    annotations(classes)
    assert [dataset.type for dataset in datasets_of(config)] == ['TacoDataset'] * 3
    assert {dataset.taxonomy for dataset in datasets_of(config)} == {config.taxonomy}
    assert set(heads_of(config.model)) == {len(classes)}
    assert config.val_evaluator.type == config.test_evaluator.type == 'TacoMetric'
    assert config.default_hooks.checkpoint.save_best == 'coco/bbox_mAP'
    assert config.default_hooks.class_check.type == 'ClassCheckHook'
    assert config.default_hooks.evaluation_report.type == 'EvaluationReportHook'
    pretrained = (config.model.backbone.get('init_cfg') or {}).get('checkpoint', '')
    assert pretrained.startswith(('torchvision:', 'open-mmlab:')) == ('steps/' in leaf)
    if leaf != 'demo' and 'steps/' not in leaf:  # which start from ImageNet's weights, or none
        batches = {'yolox': 64, 'ssd': 64, 'rtmdet': 256}
        batch = next((batches[name] for name in batches if leaf.startswith(name)), 16)
        assert config.auto_scale_lr == {'enable': True, 'base_batch_size': batch}
        published = str(config.load_from).startswith('https://download.openmmlab.com/')
        assert published == (leaf != 'yolox_nano')  # of which there are no weights
    if str(config.model) not in STEPPED:
        STEPPED.add(str(config.model))
        check_step(config, size=300 if leaf == 'ssd300' else 64)


@cache
def settings_of(leaf: str) -> dict:
    return settings(Config.fromfile(FOLDER / f'{leaf}.py'))


def settings(node: dict, path: str = '') -> dict:
    """Everything in a config that is no dict, with its dotted key."""
    found = {}
    for key, value in node.items():
        inner = isinstance(value, dict) and value
        found |= settings(value, f'{path}{key}.') if inner else {f'{path}{key}': value}
    return found


def changes(leaf: str, other: str, named: set[str]) -> set[str]:
    """Dotted keys that differ in two leaves; those below a named key are that key."""
    old, new, missing = settings_of(leaf), settings_of(other), object()
    keys = [key for key in {**old, **new} if old.get(key, missing) != new.get(key, missing)]
    return {next((one for one in named if f'{key}.'.startswith(f'{one}.')), key) for key in keys}


def test_a_step_from_ssd_to_retinanet_changes_what_it_names():
    leaves = ['retinanet_steps/retinanet_step0_ssd', *STEPS]
    assert leaves == [leaf for leaf in LEAVES if 'step' in leaf]
    for (step, named), before in zip(STEPS.items(), leaves, strict=False):
        assert changes(before, step, named) == named, step
    named = {'load_from', 'model.backbone.init_cfg', 'model.type', 'optim_wrapper.clip_grad'}
    named |= {f'{HEAD}.init_cfg', f'{HEAD}.loss_bbox'}
    assert changes('retinanet', 'retinanet_steps/retinanet_step5_bias', named) == named


@pytest.mark.parametrize(
    'leaf', ['detr', 'detr_weighted_ce', 'faster_rcnn', 'mask_rcnn', 'retinanet', 'ssd300', 'yolox']
)
@pytest.mark.parametrize('taxonomy', ['taco10', 'taco1', 'csv'])
def test_a_variant_on_another_taxonomy_takes_three_statements(leaf, taxonomy, tmp_path):
    if taxonomy == 'csv':
        taxonomy = str(tmp_path / 'mine.csv')
        Path(taxonomy).write_text('category,class\nCigarette,Butt\nDrink can,Can\nPop tab,\n')
    variant = tmp_path / 'variant.py'
    variant.write_text(
        f"_base_ = '{FOLDER / leaf}.py'\n"
        'from taco_plugin.config import use_taco\n'
        f"use_taco(_base_, taxonomy='{taxonomy}')\n"
    )
    config = Config.fromfile(variant)
    num_classes = len(load_taxonomy(taxonomy).classes)
    assert set(heads_of(config.model)) == {num_classes}
    assert {dataset.taxonomy for dataset in datasets_of(config)} == {taxonomy}
    stock = Config.fromfile(FOLDER / f'{leaf}.py')
    assert config.optim_wrapper == stock.optim_wrapper
    assert config.load_from == stock.load_from
    weights = config.model.bbox_head.get('loss_cls', {}) if 'bbox_head' in config.model else {}
    assert weights.get('class_weights', {'taxonomy': taxonomy})['taxonomy'] == taxonomy


@pytest.mark.parametrize(
    'name',
    [
        'atss/atss_r50_fpn_1x_coco',
        'cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco',
        'centernet/centernet_r18_8xb16-crop512-140e_coco',
        'conditional_detr/conditional-detr_r50_8xb2-50e_coco',
        'deformable_detr/deformable-detr_r50_16xb2-50e_coco',
        'dino/dino-4scale_r50_8xb2-12e_coco',
        'fcos/fcos_r50-caffe_fpn_gn-head_1x_coco',
        'mask2former/mask2former_r50_8xb2-lsj-50e_coco',
        'maskformer/maskformer_r50_ms-16xb1-75e_coco',  # panoptic before
        'retinanet/retinanet_r18_fpn_1x_coco',
        'rtmdet/rtmdet_tiny_8xb32-300e_coco',
        'rtmdet/rtmdet-ins_tiny_8xb32-300e_coco',
        'seesaw_loss/mask-rcnn_r50_fpn_seesaw-loss_random-ms-2x_lvis-v1',
        'sparse_rcnn/sparse-rcnn_r50_fpn_1x_coco',
        'ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco',
        'yolo/yolov3_mobilenetv2_8xb24-320-300e_coco',
        'yolox/yolox_tiny_8xb8-300e_coco',
    ],
)
def test_a_stock_detector_on_taco_trains_and_predicts(name, mmdet_scope):
    config = Config.fromfile(STOCK / f'{name}.py')
    use_taco(config, taxonomy='taco10')
    check_step(config, size=96)
