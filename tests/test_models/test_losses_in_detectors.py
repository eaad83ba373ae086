"""The weighted losses in MMDetection's detectors: every head, over sigmoid and over softmax."""

import copy
import functools
import re
from dataclasses import dataclass
from importlib.machinery import PathFinder
from operator import attrgetter
from types import SimpleNamespace

import mmcv
import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.structures import InstanceData
from torch import Tensor, nn

import taco_plugin.plugin  # noqa: F401
from taco_plugin.config import use_taco
from taco_plugin.engine import ClassCheckHook
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy

pytestmark = pytest.mark.usefixtures('mmdet_scope')

LAST = 6  # of detectwaste7's labels
ENTROPY, WEIGHTED_FOCAL, SUM = 'WeightedCrossEntropyLoss', 'WeightedFocalLoss', {'reduction': 'sum'}


@dataclass(frozen=True)
class Place:
    """Where a loss stands: stock config, path of its head, classifier, argument and logged key."""

    base: str
    head: str
    classifier: str
    loss: str = 'loss_cls'
    key: str = 'loss_cls'
    classes: int = LAST + 1
    sigmoid: tuple[bool, ...] = (True, False)


YOLOX = 'yolox/yolox_tiny_8xb8-300e_coco'
FASTER_RCNN = 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco'
ROI_HEAD = ('roi_head.bbox_head', 'fc_cls')
OBJECTNESS = ('multi_level_conv_obj', 'loss_obj', 'loss_obj', 1, (True,))
PLACES = {
    'detr': Place('detr/detr_r50_8xb2-150e_coco', 'bbox_head', 'fc_cls'),
    'retinanet': Place('retinanet/retinanet_r50_fpn_1x_coco', 'bbox_head', 'retina_cls'),
    'atss': Place('atss/atss_r50_fpn_1x_coco', 'bbox_head', 'atss_cls'),
    'fcos': Place('fcos/fcos_r50-caffe_fpn_gn-head_1x_coco', 'bbox_head', 'conv_cls'),
    'ssd': Place('ssd/ssd300_coco', 'bbox_head', 'cls_convs', sigmoid=(False,)),
    'yolox': Place(YOLOX, 'bbox_head', 'multi_level_conv_cls', sigmoid=(True,)),
    'yolox_objectness': Place(YOLOX, 'bbox_head', *OBJECTNESS),
    'rpn': Place(FASTER_RCNN, 'rpn_head', 'rpn_cls', key='loss_rpn_cls', classes=1),
    'faster_rcnn': Place(FASTER_RCNN, *ROI_HEAD),
    'cascade_rcnn': Place('cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco', *ROI_HEAD),
    'mask_rcnn': Place('mask_rcnn/mask-rcnn_r50_fpn_1x_coco', *ROI_HEAD),
}
MATRIX = [
    pytest.param(name, sigmoid, loss, id=f'{name}-{"sigmoid" if sigmoid else "softmax"}-{loss}')
    for name, place in PLACES.items()
    for sigmoid in place.sigmoid
    for loss in (ENTROPY, WEIGHTED_FOCAL)
]


def shrink(node: object) -> None:
    """Takes channels, layers, proposals and dropout from a model's config, in place."""
    small = {
        'nms_pre': 50, 'max_per_img': 20, 'num': 32, 'out_channels': 16, 'feat_channels': 16,
        'fc_out_channels': 16, 'conv_out_channels': 16, 'embed_dims': 16, 'num_heads': 2,
        'feedforward_channels': 16, 'num_feats': 8, 'num_layers': 2, 'num_queries': 20,
        'stacked_convs': 1, 'dropout': 0.0, 'ffn_drop': 0.0, 'num_convs': 1, 'widen_factor': 0.125,
    }  # fmt: skip
    for item in node if isinstance(node, list | tuple) else ():
        shrink(item)
    if isinstance(node, dict):
        for key in node:
            node[key] = small.get(key, node[key])
            shrink(node[key])
        if node.get('in_channels') in (256, 96):
            node['in_channels'] = 16


@functools.cache
def small_model(base: str) -> Config:
    """A stock detector on detectwaste7, made small."""
    config = get_config(f'mmdet::{base}.py')
    use_taco(config, taxonomy='detectwaste7')
    model = config.model
    shrink(model)
    if model.type == 'YOLOX':
        model.data_preprocessor.pop('batch_augments')  # needs a runner
        model.neck.in_channels, model.test_cfg.score_thr = [32, 64, 128], 0.0
        return model
    stages = {'DETR': (3,), 'SingleStageDetector': (1, 2)}.get(model.type, (0, 1, 2, 3))
    model.backbone = {'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'norm_eval': True}
    model.backbone.out_indices = stages
    model.neck.in_channels = [8 * 2**stage for stage in stages]
    if model.type == 'SingleStageDetector':
        model.neck.out_channels = model.bbox_head.in_channels = [16, 32, 16, 16, 16, 16]
    if model.type in ('FCOS', 'ATSS'):
        model.bbox_head.norm_cfg = {'type': 'GN', 'num_groups': 4}
    return model


def build(place: Place, loss: dict) -> nn.Module:
    model = copy.deepcopy(small_model(place.base))
    heads = attrgetter(place.head)(model)
    for head in heads if isinstance(heads, list) else [heads]:
        head[place.loss] = dict(loss)
    if model.type == 'DETR' and loss['use_sigmoid']:
        model.train_cfg.assigner.match_costs[0] = {'type': 'FocalLossCost', 'weight': 1.0}
    torch.manual_seed(0)
    built = MODELS.build(model)
    built.init_weights()  # SSD's scale of features is not set before
    return built


@functools.cache
def built(name: str, use_sigmoid: bool, loss: str) -> nn.Module:
    config = {'type': loss, 'use_sigmoid': use_sigmoid, **(SUM if 'yolox' in name else {})}
    return build(PLACES[name], {**config, 'class_weights': [1.0] * PLACES[name].classes})


def detector(name: str, use_sigmoid: bool, loss: str) -> nn.Module:
    return copy.deepcopy(built(name, use_sigmoid, loss))


def parts(model: nn.Module, head: str, name: str) -> list[nn.Module]:
    """The head's module of this name; those of all stages of a cascade."""
    pattern = rf'{head}(\.\d)?\.{name}'
    return [module for path, module in model.named_modules() if re.fullmatch(pattern, path)]


def prepared_batch(model: nn.Module, labels: tuple[int, ...] = (0, LAST)) -> dict:
    """An image with a box of each label and an image without boxes, preprocessed."""
    size = 300 if 'SSD' in type(getattr(model, 'bbox_head', None)).__name__ else 64
    meta = {name: (size, size) for name in ('img_shape', 'ori_shape', 'pad_shape')}
    samples = []
    for shown in (list(labels), []):
        sample = DetDataSample(metainfo={**meta, 'scale_factor': (1, 1)})
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor([[2.0, 2, 30, 34], [34, 30, 62, 62]])[: len(shown)] * size / 64,
            labels=torch.tensor(shown).long(),
            masks=BitmapMasks(np.ones((len(shown), size, size), np.uint8), size, size),
        )
        samples.append(sample)
    images = torch.arange(2 * 3 * size**2).mul(37).remainder(251).view(2, 3, size, size).byte()
    return model.data_preprocessor({'inputs': list(images), 'data_samples': samples}, training=True)


def step(model: nn.Module, labels: tuple[int, ...] = (0, LAST)) -> dict[str, Tensor]:
    """Losses of a training step in which the samplers draw what they always draw."""
    torch.manual_seed(0)
    losses = model(**prepared_batch(model, labels), mode='loss')
    return {key: sum(value) if isinstance(value, list) else value for key, value in losses.items()}


def total(losses: dict[str, Tensor], key: str = 'loss') -> Tensor:
    return sum(value for name, value in losses.items() if key in name)


def gradients(model: nn.Module, place: Place) -> list[Tensor]:
    """Gradient of the classification loss at each classifier."""
    loss = total(step(model), place.key)
    groups = [list(module.parameters()) for module in parts(model, place.head, place.classifier)]
    flat = iter(torch.autograd.grad(loss, [p for group in groups for p in group]))
    return [torch.cat([next(flat).flatten() for _ in group]) for group in groups]


@pytest.mark.parametrize(('name', 'use_sigmoid', 'loss'), MATRIX)
def test_a_training_step(name, use_sigmoid, loss):
    model, place = detector(name, use_sigmoid, loss), PLACES[name]
    for labels in ((), (0, LAST)):
        model.zero_grad()
        losses = step(model, labels)
        assert all(torch.isfinite(value).all() for value in losses.values()), labels
        total(losses).backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        assert all(torch.isfinite(grad).all() for grad in grads), labels
    shares = [float(value) for key, value in losses.items() if key.endswith('acc')]
    stages = len(parts(model, place.head, place.classifier))
    assert len(shares) == (stages if 'rcnn' in place.base else 0)
    assert all(0 <= share <= 100 for share in shares)


@pytest.mark.parametrize(('name', 'use_sigmoid', 'loss'), MATRIX)
def test_the_gradient_is_linear_in_a_class_weight(name, use_sigmoid, loss):
    model, place = detector(name, use_sigmoid, loss), PLACES[name]
    as_built = gradients(model, place)
    assert len(as_built) == (3 if name == 'cascade_rcnn' else 1)

    def weighed(label: int, weight: float) -> list[Tensor]:
        for module in parts(model, place.head, place.loss):
            module.class_weights.fill_(1)[label] = weight
        return gradients(model, place)

    for label in sorted({0, place.classes - 1}):
        for none, once, thrice in zip(weighed(label, 0), as_built, weighed(label, 3), strict=True):
            assert (once - none).any()
            atol = 1e-5 * float(thrice.abs().max())
            torch.testing.assert_close(thrice - none, 3 * (once - none), rtol=0, atol=atol)
    if place.classes > 1:  # no box is of this one
        torch.testing.assert_close(weighed(3, 9), as_built, rtol=0, atol=0)


def fire(model: nn.Module, place: Place, use_sigmoid: bool, label: int | None) -> None:
    """Makes the classifiers certain of one class, or for None of background."""
    channels = place.classes + (not use_sigmoid)
    heads = parts(model, place.head, place.classifier)
    layers = [layer for head in heads for layer in head.modules()]
    for layer in [layer for layer in layers if hasattr(layer, 'bias')]:
        layer.weight.data.zero_()
        logits = layer.bias.data.fill_(-9).view(-1, channels)
        if label is not None or not use_sigmoid:
            logits[:, -1 if label is None else label] = 9


def predict(model: nn.Module) -> InstanceData:
    with torch.no_grad():
        samples = model.eval()(**prepared_batch(model), mode='predict')
    found = InstanceData.cat([sample.pred_instances for sample in samples])
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert ((found.labels >= 0) & (found.labels <= LAST)).all()
    return found


@pytest.mark.parametrize(('name', 'use_sigmoid', 'loss'), MATRIX)
def test_every_class_is_predicted_and_background_is_not(name, use_sigmoid, loss):
    model, place = detector(name, use_sigmoid, loss), PLACES[name]
    predict(model)
    for label in (0, 3, LAST) if place.classes > 1 else ():
        fire(model, place, use_sigmoid, label)
        found = predict(model)
        assert set(found.labels[found.scores > 0.001].tolist()) == {label}
    if place.classes > 1:
        fire(model, place, use_sigmoid, None)
        assert (predict(model).scores < 0.001).all()


SOFTMAX = {'type': 'CrossEntropyLoss', 'use_sigmoid': False}
SIGMOID = {**SOFTMAX, 'use_sigmoid': True}
DETR = {**SOFTMAX, 'bg_cls_weight': 0.1, 'class_weight': 1.0}
FOCAL = {'type': 'FocalLoss', 'use_sigmoid': True, 'gamma': 2.0, 'alpha': 0.25}
STOCK = [  # over sigmoid, stock's two-stage heads have one channel more; SSD's has no other loss
    *[(name, SOFTMAX, {}) for name in PLACES if 'yolox' not in name and name != 'ssd'],
    *[(name, SIGMOID, {}) for name in ('retinanet', 'atss', 'fcos', 'rpn')],
    *[(name, {**SIGMOID, **SUM}, SUM) for name in ('yolox', 'yolox_objectness')],
    *[(name, FOCAL, {}) for name in ('detr', 'retinanet', 'atss', 'fcos', 'rpn')],
    ('detr', DETR, {'background_weight': 0.1, 'avg_by_weight': True}),
]


@pytest.mark.parametrize(('name', 'stock', 'options'), STOCK)
def test_an_unweighted_loss_is_stock(name, stock, options):
    place, options = PLACES[name], {'use_sigmoid': stock['use_sigmoid'], **options}
    losses = [{**options, 'type': ENTROPY}, {**options, 'type': WEIGHTED_FOCAL, 'gamma': 0.0}]
    theirs = build(place, stock)
    for loss in [{**stock, 'type': WEIGHTED_FOCAL}] if stock is FOCAL else losses:
        model = build(place, loss)
        model.load_state_dict(theirs.state_dict())
        for labels in ((0, LAST), ()):
            ours, expected = step(model, labels), step(theirs, labels)
            torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)
        ours, expected = gradients(model, place), gradients(theirs, place)
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('loss', [ENTROPY, WEIGHTED_FOCAL])
@pytest.mark.parametrize('use_sigmoid', [True, False])
@pytest.mark.parametrize('name', ['detr', 'retinanet', 'faster_rcnn'])
def test_a_step_in_bfloat16(name, use_sigmoid, loss):
    if name == 'faster_rcnn' and PathFinder.find_spec('mmcv._ext', mmcv.__path__):
        pytest.skip('RoIAlign of compiled mmcv has no bfloat16 on CPUs')
    model, place = detector(name, use_sigmoid, loss), PLACES[name]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses, slopes = step(model), gradients(model, place)
    assert all(torch.isfinite(value).all() for value in [*losses.values(), *slopes])
    exact = total(step(model), place.key)
    torch.testing.assert_close(total(losses, place.key), exact, rtol=0.1, atol=0)


def test_class_weights_follow_the_taxonomy():
    heads = [{'loss_cls': {'class_weights': {'taxonomy': 'x', 'weights': {}}}} for _ in range(3)]
    config = Config({'model': {'roi_head': {'bbox_head': heads}}})
    for taxonomy in ('taco28', 'taco10'):
        use_taco(config, taxonomy=taxonomy)
        for head in config.model.roi_head.bbox_head:
            assert head.loss_cls.class_weights == {'taxonomy': taxonomy, 'weights': {}}


def check(model: nn.Module, trains: bool = True) -> None:
    """Lets the hook check a run on detectwaste7."""
    dataset = SimpleNamespace(metainfo={'classes': load_taxonomy('detectwaste7').classes})
    loops = {'_train_loop': {}, '_val_loop': {}, '_test_loop': {}}
    built = SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))
    loops['_train_loop' if trains else '_test_loop'] = built
    ClassCheckHook().before_run(SimpleNamespace(model=model, cfg={}, hooks=[], **loops))


def check_run(class_weights: dict | list, trains: bool = True, place: str = 'bbox_head') -> None:
    """Checks a run whose head has a loss with these weights."""
    loss = {'type': ENTROPY, 'use_sigmoid': False, 'class_weights': class_weights}
    check(nn.ModuleDict({place: nn.ModuleDict({'loss_cls': MODELS.build(loss)})}), trains)


@pytest.mark.parametrize(('name', 'use_sigmoid', 'loss'), MATRIX)
def test_a_loss_that_a_head_can_use_passes(name, use_sigmoid, loss):
    options = SUM if 'yolox' in name else {}
    check(build(PLACES[name], {'type': loss, 'use_sigmoid': use_sigmoid, **options}))


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        (
            'yolox',
            {'use_sigmoid': True},
            r'loss_cls\.reduction is mean, but YOLOXHead needs sum; set',
        ),
        ('yolox', {**SUM, 'use_sigmoid': False}, 'is False, but YOLOXHead needs True'),
        ('yolox_objectness', {'use_sigmoid': True}, r'loss_obj\.reduction is mean, but YOLOXHead'),
        ('ssd', {'use_sigmoid': True}, 'is True, but TacoSSDHead needs False'),
        ('retinanet', {**SUM, 'use_sigmoid': True}, 'is sum, but RetinaHead needs mean'),
        ('atss', {'reduction': 'none', 'use_sigmoid': True}, 'is none, but ATSSHead needs mean'),
        ('detr', {**SUM, 'use_sigmoid': False}, 'is sum, but DETRHead needs mean'),
        ('faster_rcnn', {**SUM, 'use_sigmoid': False}, 'is sum, but Shared2FCBBoxHead needs mean'),
    ],
)
def test_a_loss_that_a_head_cannot_use_is_refused(name, options, message):
    model = build(PLACES[name], {'type': WEIGHTED_FOCAL, **options})
    with pytest.raises(InputError, match=rf'model\..*{message}'):
        check(model)


FROM_FILE = {'taxonomy': 'detectwaste7', 'ann_file': 'absent.json', 'scheme': 'hard', 'scale': None}


@pytest.mark.parametrize(
    ('class_weights', 'message'),
    [
        ({'taxonomy': 'taco10', 'weights': {}}, 'the class weights are for the classes'),
        (FROM_FILE, r'absent\.json: no such annotation file'),
        ([1.0] * 6, 'each of the 7 classes, without background, but holds 6'),
    ],
)
def test_training_with_class_weights_for_other_classes_is_refused(class_weights, message):
    with pytest.raises(InputError, match=message):
        check_run(class_weights)
    check_run(class_weights, trains=False)
    check_run(class_weights, place='rpn_head')  # knows objects only
