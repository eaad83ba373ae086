"""Every config: loads, builds, agrees about the classes, and takes a training step."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.structures import InstanceData

from taco_plugin.taxonomies import load_taxonomy

FOLDER = Path(__file__).parents[1] / 'configs' / 'taco'
LEAVES = sorted(path.stem for path in FOLDER.glob('*.py'))


@pytest.fixture
def annotations(tmp_path, monkeypatch):
    """Writes what class weights are counted in; each class has one box more than the last."""

    def write(classes: tuple[str, ...]) -> None:
        categories = [{'id': number, 'name': name} for number, name in enumerate(classes, 1)]
        boxes = [
            {'id': number * 100 + box, 'image_id': 1, 'category_id': number, 'bbox': [1, 1, 9, 9]}
            for number in range(1, len(classes) + 1)
            for box in range(number)
        ]
        image = {'id': 1, 'file_name': 'a.jpg', 'width': 100, 'height': 100}
        path = tmp_path / 'annotations' / 'train.json'
        path.parent.mkdir()
        path.write_text(
            json.dumps({'images': [image], 'categories': categories, 'annotations': boxes})
        )

    monkeypatch.setenv('TACO_DATA_ROOT', str(tmp_path))
    return write


def datasets_of(config: Config) -> list[dict]:
    datasets = [config[f'{split}_dataloader'].dataset for split in ('train', 'val', 'test')]
    return [dataset.get('dataset', dataset) for dataset in datasets]


def heads_of(node: dict) -> list[int]:
    """Every ``num_classes`` of a model's config."""
    found = [node['num_classes']] if 'num_classes' in node else []
    for value in node.values():
        if isinstance(value, dict):
            found += heads_of(value)
    return found


def batch_of_two(num_classes: int, size: int) -> dict:
    """One image with a box of the first and of the last class, and one without boxes."""
    samples = []
    for labels in ([0, num_classes - 1], []):
        meta = {'img_shape': (size, size), 'ori_shape': (size, size), 'pad_shape': (size, size)}
        sample = DetDataSample(metainfo={**meta, 'scale_factor': (1, 1), 'flip': False})
        boxes = torch.tensor([[4.0, 4, 40, 40], [20, 20, 60, 50]])[: len(labels)]
        sample.gt_instances = InstanceData(
            bboxes=boxes.reshape(-1, 4),
            labels=torch.tensor(labels).long(),
            masks=BitmapMasks(np.ones((len(labels), size, size), np.uint8), size, size),
        )
        samples.append(sample)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 255, (2, 3, size, size), dtype=torch.uint8, generator=generator)
    return {'inputs': list(images), 'data_samples': samples}


def training_step(config: Config, num_classes: int) -> dict[str, torch.Tensor]:
    """Losses of one forward pass whose sum has been taken backward, and the model's gradients."""
    torch.manual_seed(0)
    config.model.data_preprocessor.pop('batch_augments', None)  # needs a runner
    model = MODELS.build(config.model)
    size = 64
    if config.model.backbone.type == 'SSDVGG':
        size = 300
        model.init_weights()  # L2Norm's are not set before
    data = model.data_preprocessor(batch_of_two(num_classes, size), training=True)
    losses = model(**data, mode='loss')
    total, parsed = model.parse_losses(losses)
    total.backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert all(torch.isfinite(gradient).all() for gradient in gradients.values())
    assert any('cls' in n and g.abs().sum() > 0 for n, g in gradients.items())
    return parsed


@pytest.mark.parametrize('leaf', LEAVES)
def test_a_leaf_is_whole(leaf, mmdet_scope, annotations):
    config = Config.fromfile(FOLDER / f'{leaf}.py')
    classes = load_taxonomy(config.taxonomy).classes
    annotations(classes)
    assert [dataset.type for dataset in datasets_of(config)] == ['TacoDataset'] * 3
    assert {dataset.taxonomy for dataset in datasets_of(config)} == {config.taxonomy}
    assert set(heads_of(config.model)) == {len(classes)}
    assert config.val_evaluator.type == config.test_evaluator.type == 'TacoMetric'
    assert config.default_hooks.checkpoint.save_best == 'coco/bbox_mAP'
    assert config.default_hooks.class_check.type == 'ClassCheckHook'
    assert config.default_hooks.evaluation_report.type == 'EvaluationReportHook'
    assert config.model.backbone.get('init_cfg') is None
    losses = training_step(config, len(classes))
    assert all(torch.isfinite(loss) for loss in losses.values())


@pytest.mark.parametrize('leaf', LEAVES)
def test_a_leaf_says_what_it_is(leaf):
    path = FOLDER / f'{leaf}.py'
    text = path.read_text()
    assert f'Train: tools/train.py configs/taco/{leaf}.py\nResult: ' in text
    assert "_base_ = 'mmdet::" in text or "_base_ = './" in text
    if leaf not in ('demo', 'yolox_nano'):  # one trains from scratch, one has no weights to load
        assert Config.fromfile(path).load_from.startswith('https://download.openmmlab.com/')


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
        'from taco_plugin.config import put_on_taco\n'
        f"put_on_taco(_base_, taxonomy='{taxonomy}')\n"
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


def test_linear_scaling_is_on_and_for_the_stock_batch():
    bases = {'detr': 16, 'faster_rcnn': 16, 'retinanet': 16, 'yolox': 64}
    for leaf, batch in bases.items():
        scaling = Config.fromfile(FOLDER / f'{leaf}.py').auto_scale_lr
        assert scaling == {'enable': True, 'base_batch_size': batch}
