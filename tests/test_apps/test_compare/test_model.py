import math
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.logging import MMLogger

from taco_plugin.apps.compare.model import describe_loss, describe_model
from taco_plugin.model_facts import count_flops, input_size
from taco_plugin.tiles import use_tiles

CONFIGS = Path(__file__).parents[3] / 'configs' / 'taco'
WEIGHTED = {'type': 'A', 'class_weights': [1, 2]}
SMOOTHED = {'type': 'A', 'label_smoothing': 0.1, 'gamma': 0}
pytestmark = pytest.mark.usefixtures('mmdet_scope')


def demo():
    """The demo with the stock loss, as a weighted one is built from the data."""
    config = Config.fromfile(CONFIGS / 'demo.py')
    config.model.bbox_head.loss_cls = dict(
        type='CrossEntropyLoss', use_sigmoid=True, reduction='sum', loss_weight=1.0
    )
    return config


def test_the_facts_of_a_config():
    model = describe_model(demo(), 'demo')
    assert (model.config, model.detector, model.taxonomy) == ('demo', 'YOLOX', 'taco10')
    assert (model.loss, model.input_size) == ('CrossEntropyLoss', (160, 160))
    built = MODELS.build(demo().model)
    assert model.parameters == sum(parameter.numel() for parameter in built.parameters())


def test_flops_are_those_of_the_convolutions():
    model = MODELS.build(demo().model).eval()
    counted = 0

    def count(module, inputs, output):
        nonlocal counted
        counted += output.numel() * module.weight[0].numel()

    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, 3, 128, 224), mode='tensor')
    flops = count_flops(MODELS.build(demo().model).eval(), (200, 100))
    assert flops == counted


def test_a_tiled_detector_counts_all_its_views():
    plain, tiled = demo(), demo()
    use_tiles(tiled, longest_side=400)
    model, other = (describe_model(config, '') for config in (plain, tiled))
    assert (other.detector, other.input_size) == ('YOLOX in tiles', (400, 400))
    assert other.parameters == model.parameters
    assert other.flops == 10 * model.flops  # 3 x 3 tiles and the whole image


def test_general_detectors_are_told_apart_by_their_head_and_proposals_are_counted():
    config = Config.fromfile(CONFIGS / 'faster_rcnn.py')
    one_stage = Config.fromfile(CONFIGS / 'ssd300.py')
    config.test_dataloader.dataset.pipeline[1].scale = (96, 64)
    model, other = describe_model(config, ''), describe_model(one_stage, '')
    assert model.parameters > other.parameters
    assert model.flops > 1e9
    assert other.detector == 'SingleStageDetector (TacoSSDHead)'
    assert other.flops > 30e9


def test_a_detector_that_cannot_be_built_is_described_all_the_same(caplog):
    config = demo()
    config.model.neck.type = 'NoSuchNeck'
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    model = describe_model(config, 'broken')
    logger.removeHandler(caplog.handler)
    assert (model.detector, model.parameters, model.flops) == ('YOLOX', None, None)
    assert 'no parameters and FLOPs of YOLOX' in caplog.text
    assert 'NoSuchNeck' in caplog.text


def test_without_an_input_size_there_are_no_flops():
    config = demo()
    config.test_dataloader.dataset.pipeline = []
    assert input_size(config) == (160, 160)  # that of the validation
    config.val_dataloader.dataset.pipeline = []
    model = describe_model(config, '')
    assert (model.input_size, model.flops) == (None, None)
    assert math.isclose(model.parameters, 2.24e6, rel_tol=0.01)


@pytest.mark.parametrize(
    ('model', 'loss'),
    [
        ({'bbox_head': {'loss_cls': {'type': 'FocalLoss', 'gamma': 2.0}}}, 'FocalLoss, gamma 2.0'),
        ({'roi_head': {'bbox_head': [{'loss_cls': WEIGHTED}]}}, 'A, weights by value'),
        ({'bbox_head': {'loss_cls': {**WEIGHTED, 'class_weights': {'scheme': 'b'}}}}, 'A, b'),
        ({'bbox_head': {'loss_cls': SMOOTHED}}, 'A, label_smoothing 0.1'),
        ({'type': 'SSD', 'bbox_head': {'type': 'TacoSSDHead'}}, 'built into TacoSSDHead'),
        ({'type': 'Segmentor'}, 'built into Segmentor'),
    ],
)
def test_losses_in_words(model, loss):
    assert describe_loss(model) == loss
