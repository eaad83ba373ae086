"""The losses in Detectron2's own places, against Detectron2's and MMDetection's."""

import copy
import math

import pytest
import torch

pytest.importorskip('detectron2', reason='Detectron2 is not installed')

from detectron2.config import get_cfg, instantiate
from detectron2.layers import ShapeSpec
from detectron2.model_zoo import get_config, get_config_file
from detectron2.modeling import build_model
from detectron2.modeling.box_regression import Box2BoxTransform
from detectron2.modeling.roi_heads import FastRCNNOutputLayers
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage

from taco_plugin.d2.config import add_taco_config, use_loss
from taco_plugin.d2.losses import SummedLoss, WeightedOutputLayers, WeightedRetinaNet
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy

LABELS = torch.tensor([0, 2, 3, 1, 3, 2, 0, 1, 3])  # of 3 classes: 3 is background
WEIGHTS = [0.5, 2.0, 3.0]
OPTIONS = {
    'weights': {'class_weights': WEIGHTS, 'background_weight': 0.3},
    'smoothing': {'class_weights': WEIGHTS, 'label_smoothing': 0.1},
    'focal': {'class_weights': WEIGHTS, 'gamma': 2.0},
    'alpha': {'gamma': 1.5, 'alpha': 0.25},
}
both_activations = pytest.mark.parametrize('use_sigmoid', [False, True])
all_options = pytest.mark.parametrize('options', OPTIONS.values(), ids=OPTIONS)


@pytest.fixture(autouse=True)
def storage():
    with EventStorage() as storage:
        yield storage


def make_predictor(cls, **options):
    return cls(
        ShapeSpec(channels=5),
        box2box_transform=Box2BoxTransform(weights=(10, 10, 5, 5)),
        num_classes=3,
        loss_weight={'loss_cls': 2.0},
        **options,
    )


def make_proposals(labels=LABELS):
    """Two images; every proposal is half of its object."""
    parts = []
    for part in labels.split(4) if len(labels) else [labels, labels]:
        boxes = torch.tensor([[0.0, 0, 10, 10]]).repeat(len(part), 1)
        instances = Instances((20, 20))
        instances.proposal_boxes, instances.gt_boxes = Boxes(boxes), Boxes(boxes * 2)
        instances.gt_classes = part
        parts.append(instances)
    return parts


def make_logits(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator) * 3


def value_and_gradient(losses, logits):
    logits = logits.clone().requires_grad_()
    found = losses(logits)
    return found, torch.autograd.grad(found['loss_cls'], logits)[0]


@both_activations
@pytest.mark.parametrize('options', [{}, {'class_weights': [1, 1, 1]}])
def test_with_weights_of_1_and_gamma_0_the_predictor_is_detectron2s(use_sigmoid, options):
    deltas = make_logits(9, 12)
    stock = make_predictor(FastRCNNOutputLayers, use_sigmoid_ce=use_sigmoid)
    ours = make_predictor(WeightedOutputLayers, use_sigmoid_ce=use_sigmoid, **options)
    results = [
        value_and_gradient(
            lambda x, p=p: p.losses((x, deltas), make_proposals()), make_logits(9, 4)
        )
        for p in (ours, stock)
    ]
    torch.testing.assert_close(*results)


@both_activations
@all_options
def test_the_predictor_equals_mmdetections_head(use_sigmoid, options, mmdet_scope):
    from mmdet.registry import MODELS

    import taco_plugin.plugin  # noqa: F401

    smooth = not options.get('gamma')
    name = 'WeightedCrossEntropyLoss' if smooth else 'WeightedFocalLoss'
    loss = dict(type=name, use_sigmoid=use_sigmoid, loss_weight=2.0, **options)
    head = MODELS.build(dict(type='Shared2FCBBoxHead', num_classes=3, loss_cls=loss))
    ours = make_predictor(WeightedOutputLayers, use_sigmoid_ce=use_sigmoid, **options)

    def theirs(logits):
        logits = logits[:, :3] if use_sigmoid else logits
        return head.loss(logits, None, None, LABELS, torch.ones(9), None, None)

    mine, gradient = value_and_gradient(
        lambda x: ours.losses((x, make_logits(9, 12)), make_proposals()), make_logits(9, 4)
    )
    other, expected = value_and_gradient(theirs, make_logits(9, 4))
    assert mine['loss_cls'].item() == pytest.approx(other['loss_cls'].item(), abs=1e-6)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-6)


def test_a_loss_worked_by_hand():
    """p is 1/2 in both: 3 * 1/4 * log(2) for the object, half of that without the 3 for nothing."""
    options = dict(class_weights=[3.0], background_weight=0.5, gamma=2.0)
    loss = SummedLoss(use_sigmoid=False, **options)
    expected = (3 + 0.5) / 4 * math.log(2)
    assert loss(torch.zeros(2, 2), torch.tensor([0, 1])).item() == pytest.approx(expected)


@all_options
@both_activations
def test_the_gradient_is_the_derivative(use_sigmoid, options):
    loss = SummedLoss(use_sigmoid=use_sigmoid, **options)
    logits = make_logits(9, 3 if use_sigmoid else 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, LABELS), logits)


@both_activations
def test_no_proposals_cost_nothing(use_sigmoid):
    ours = make_predictor(WeightedOutputLayers, use_sigmoid_ce=use_sigmoid, class_weights=WEIGHTS)
    logits = torch.zeros(0, 4, requires_grad=True)
    losses = ours.losses(
        (logits, torch.zeros(0, 12, requires_grad=True)), make_proposals(LABELS[:0])
    )
    sum(losses.values()).backward()
    assert losses['loss_cls'] == 0


def test_with_sigmoid_a_box_scores_the_sigmoid_of_its_own_class():
    ours = make_predictor(WeightedOutputLayers, use_sigmoid_ce=True, test_nms_thresh=0.9)
    logits = torch.tensor([[2.0, 1.0, -9.0, 50.0]])  # background's logit is not trained
    (proposals,) = make_proposals(LABELS[:1])
    (found,), _ = ours.inference((logits, torch.zeros(1, 12)), [proposals])
    assert found.pred_classes.tolist() == [0, 1, 2]
    torch.testing.assert_close(found.scores, logits[0, :3].sigmoid())


def make_retinanet(**options):
    model = get_config('common/models/retinanet.py').model
    use_loss(model, **options)
    model.backbone.bottom_up.stages.depth = 18
    del model.backbone.bottom_up.stages.stride_in_1x1
    model.backbone.top_block.in_channels = 512
    model.num_classes = 3
    return instantiate(model)


def losses_of_retinanet(cls, model, logits, labels):
    """Losses of one batch, in which the moving average begins."""
    model = copy.copy(model)
    anchors = [Boxes(torch.tensor([[0.0, 0, 10, 10]]).repeat(len(labels[0]), 1))]
    boxes = [anchors[0].tensor * 2 for _ in labels]
    return cls.losses(model, anchors, [logits], labels, [torch.zeros(2, len(labels[0]), 4)], boxes)


def test_retinanet_with_weights_of_1_is_detectron2s():
    model = make_retinanet(class_weights=None)
    labels = [LABELS, LABELS.masked_fill(LABELS == 1, -1)]  # -1: neither object nor background
    results = [
        value_and_gradient(
            lambda x, c=c: losses_of_retinanet(c, model, x, labels), make_logits(2, 9, 3)
        )
        for c in (WeightedRetinaNet, WeightedRetinaNet.__bases__[0])
    ]
    torch.testing.assert_close(*results)


def test_retinanet_equals_mmdetections_but_for_the_normalizer(mmdet_scope):
    from mmdet.registry import MODELS

    import taco_plugin.plugin  # noqa: F401

    options = dict(class_weights=WEIGHTS, background_weight=3.0)
    loss = dict(type='WeightedFocalLoss', use_sigmoid=True, loss_weight=0.25, **options)
    theirs = MODELS.build(loss)
    model = make_retinanet(**options, focal_loss_alpha=None, loss_cls_weight=0.25)
    average = 0.9 * 100 + 0.1 * 12  # of positives, before and in this batch
    ours, gradient = value_and_gradient(
        lambda x: losses_of_retinanet(WeightedRetinaNet, model, x, [LABELS, LABELS]),
        make_logits(2, 9, 3),
    )
    other, expected = value_and_gradient(
        lambda x: {'loss_cls': theirs(x.flatten(0, 1), LABELS.repeat(2), avg_factor=average)},
        make_logits(2, 9, 3),
    )
    assert ours['loss_cls'].item() == pytest.approx(other['loss_cls'].item(), abs=1e-6)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'class_weights': [1, 1]}, '3 classes'),
        ({'label_smoothing': 0.1, 'gamma': 2.0}, 'label_smoothing=0.1 is for cross-entropy'),
        ({'class_weights': WEIGHTS, 'alpha': 0.25, 'gamma': 2.0}, 'alpha and class_weights'),
        ({'use_fed_loss': True, 'get_fed_loss_cls_weights': lambda: torch.ones(3)}, 'use_fed_loss'),
        ({'gamma': -1.0}, 'gamma must be finite and >= 0'),
    ],
)
def test_what_cannot_work_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        make_predictor(
            WeightedOutputLayers, use_sigmoid_ce='use_fed_loss' in options, **options
        ).losses((make_logits(9, 4), make_logits(9, 12)), make_proposals())


YAML = {
    'faster': ('COCO-Detection/faster_rcnn_R_50_FPN_1x.yaml', 'ROI_HEADS.NAME', 'WeightedROIHeads'),
    'cascade': (
        'Misc/cascade_mask_rcnn_R_50_FPN_1x.yaml', 'ROI_HEADS.NAME', 'WeightedCascadeROIHeads',
    ),
    'retinanet': (
        'COCO-Detection/retinanet_R_50_FPN_1x.yaml', 'META_ARCHITECTURE', 'WeightedRetinaNet',
    ),
}  # fmt: skip


@pytest.mark.parametrize('base', YAML)
def test_from_yaml(base):
    path, key, name = YAML[base]
    cfg = get_cfg()
    add_taco_config(cfg)
    cfg.merge_from_file(get_config_file(path))
    small = ['MODEL.RESNETS.DEPTH', 18, 'MODEL.RESNETS.RES2_OUT_CHANNELS', 64]
    cfg.merge_from_list([f'MODEL.{key}', name, 'MODEL.DEVICE', 'cpu', *small])
    cfg.TACO.update(BACKGROUND_WEIGHT=0.3, LOSS_CLS_WEIGHT=0.5)
    cfg.TACO.CLASS_WEIGHTS.update(taxonomy='detectwaste7', weights={'glass': 3.0})
    cfg.MODEL.RETINANET.FOCAL_LOSS_ALPHA = -1.0
    cfg.MODEL.ROI_HEADS.NUM_CLASSES = cfg.MODEL.RETINANET.NUM_CLASSES = 7
    found = [module for module in build_model(cfg).modules() if isinstance(module, SummedLoss)]
    assert len(found) == (3 if base == 'cascade' else 1)
    classes = load_taxonomy('detectwaste7').classes
    for loss in found:
        assert loss.classes == classes
        assert loss.class_weights.tolist() == [3.0 if name == 'glass' else 1.0 for name in classes]
        assert loss.background_weight == 0.3
