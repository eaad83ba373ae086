"""Rates that were worked out by hand, for each backbone that is known."""

import pytest
from mmdet.models import SSDVGG, CSPDarknet, ResNet, ResNetV1d, SwinTransformer
from mmengine.optim import build_optim_wrapper
from torch import nn

import taco_plugin.plugin  # noqa: F401 - registers the constructor
from taco_plugin.errors import InputError

pytestmark = pytest.mark.usefixtures('mmdet_scope')
CONSTRUCTOR = 'LayerDecayOptimWrapperConstructor'


def rates_of(backbone, decay_rate=0.5, lr=0.32, **paramwise_cfg):
    """Name of a parameter -> its learning rate and weight decay."""
    model = nn.ModuleDict({'backbone': backbone, 'neck': nn.Linear(1, 1), 'head': nn.Linear(1, 1)})
    config = {
        'constructor': CONSTRUCTOR,
        'optimizer': {'type': 'SGD', 'lr': lr, 'weight_decay': 0.1},
        'paramwise_cfg': {'decay_rate': decay_rate, **paramwise_cfg},
    }
    groups = build_optim_wrapper(model, config).optimizer.param_groups
    names = {parameter: name for name, parameter in model.named_parameters()}
    rates = {names[group['params'][0]]: (group['lr'], group['weight_decay']) for group in groups}
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert sorted(rates) == sorted(trained)
    return rates


RESNET = {
    **{'conv1.': 0.01, 'bn1.': 0.01, 'layer1.': 0.02, 'layer2.': 0.04, 'layer3.': 0.08},
    **{'layer4.0.conv1.': 0.16, 'layer4.': 0.16},
}
SWIN = {
    **{'patch_embed.': 0.01, 'absolute_pos_embed': 0.01, 'stages.0.blocks.0.': 0.02},
    **{'stages.0.downsample.': 0.02, 'stages.1.blocks.0.': 0.04, 'stages.1.blocks.1.': 0.08},
    **{'stages.1.downsample.': 0.08, 'stages.2.blocks.0.': 0.16, 'norm': 0.32},
}
VGG = {  # pooled after the layers 4, 9, 16, 23 and 30
    **{'features.0.': 0.005, 'features.2.': 0.005, 'features.5.': 0.01, 'features.7.': 0.01},
    **{'features.10.': 0.02, 'features.14.': 0.02, 'features.17.': 0.04, 'features.24.': 0.08},
    **{'features.28.': 0.08, 'features.31.': 0.16, 'features.33.': 0.16},
    **{'features.12.': 0.02, 'features.19.': 0.04, 'features.21.': 0.04, 'features.26.': 0.08},
}
DARKNET = {'stem.': 0.01, 'stage1.': 0.02, 'stage2.': 0.04, 'stage3.': 0.08, 'stage4.': 0.16}


@pytest.mark.parametrize(
    ('backbone', 'expected'),
    [
        (lambda: ResNet(18, base_channels=2), RESNET),
        (lambda: ResNet(18, base_channels=2, frozen_stages=2), RESNET),
        (lambda: ResNetV1d(depth=50, base_channels=2), {'stem.': 0.01, **RESNET}),
        (lambda: SSDVGG(16), VGG),
        (lambda: CSPDarknet(widen_factor=0.05), DARKNET),
        (
            lambda: SwinTransformer(
                *(32, 8, 3, 4, 4, 2, (1, 2, 1), (1, 1, 1)),
                **{'strides': (4, 2, 2), 'out_indices': (0, 1, 2), 'use_abs_pos_embed': True},
            ),
            SWIN,
        ),
    ],
)
def test_each_layer_has_half_the_rate_of_the_next(backbone, expected):
    for name, (rate, weight_decay) in rates_of(backbone()).items():
        inner = name.removeprefix('backbone.')
        hand = (
            0.32 if inner == name else next(v for k, v in expected.items() if inner.startswith(k))
        )
        assert rate == pytest.approx(hand), name
        assert weight_decay == 0.1


def test_multipliers_of_the_stock_constructor_are_factors_besides():
    rates = rates_of(
        ResNet(18, base_channels=2),
        **{'norm_decay_mult': 0.0, 'bias_lr_mult': 2.0},
        custom_keys={'layer2': {'lr_mult': 10.0}, 'neck': {'lr_mult': 0.1}},
    )
    assert rates['backbone.layer2.0.conv1.weight'] == pytest.approx((0.4, 0.1))
    assert rates['backbone.layer3.0.bn1.weight'] == pytest.approx((0.08, 0.0))
    assert rates['neck.weight'] == pytest.approx((0.032, 0.1))
    assert rates['head.weight'] == pytest.approx((0.32, 0.1))
    assert rates['head.bias'] == pytest.approx((0.64, 0.1))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({}, 'the layers of a backbone Linear are not known, only those of ResNet, VGG, CSPDark'),
        ({'decay_rate': 0}, r'paramwise_cfg.decay_rate must be more than 0, .* but is 0$'),
        ({'decay_rate': None}, r'paramwise_cfg.decay_rate must be .* but is None$'),
        ({'lr': None}, 'optimizer.lr is missing'),
    ],
)
def test_what_cannot_be_decayed_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        rates_of(nn.Linear(1, 1), **settings)
