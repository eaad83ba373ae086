"""Smaller learning rates for the lower layers of a backbone."""

from typing import Any

from mmcv.cnn import VGG
from mmdet.models import CSPDarknet, ResNet, SwinTransformer
from mmdet.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.logging import print_log
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from ..errors import InputError


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's constructor, which here also multiplies learning rates by a power of a decay.

    MMDetection's ``LearningRateDecayOptimizerConstructor`` does this for ConvNeXt alone. Neck and
    heads keep their rate, and each layer of the backbone below them has ``decay_rate`` times the
    rate of the next::

        optim_wrapper = dict(
            constructor='LayerDecayOptimWrapperConstructor', paramwise_cfg=dict(decay_rate=0.7)
        )

    The layers are the stem and the stages of ResNet and CSPDarknet; what is between two poolings of
    VGG; and the patch embedding and each block of Swin, of which the last in a stage shares its
    rate with the downsampling after it. Subclasses of these are known as well.

    Args:
        optim_wrapper_cfg: As for MMEngine's; its optimizer must have an ``lr``.
        paramwise_cfg: ``decay_rate``, in (0, 1], and what MMEngine's constructor knows besides,
            such as ``norm_decay_mult`` and ``custom_keys``, whose ``lr_mult`` is a further factor.

    Raises:
        InputError: If ``decay_rate`` or ``lr`` cannot be used, or the layers of the backbone are
            not known.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        super().__init__(optim_wrapper_cfg, paramwise_cfg)
        decay_rate = self.paramwise_cfg.get('decay_rate')
        if not isinstance(decay_rate, int | float) or not 0 < decay_rate <= 1:
            raise InputError(
                'optim_wrapper.paramwise_cfg.decay_rate must be more than 0, and 1 at most, but is '
                f'{decay_rate}'
            )
        if self.base_lr is None:
            raise InputError('optim_wrapper.optimizer.lr is missing; there is no rate to decay')

    def add_params(
        self,
        params: list[dict],
        module: nn.Module,
        prefix: str = '',
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Adds to ``params`` a group for each parameter of a module, and of those in it."""
        super().add_params(params, module, prefix, **kwargs)
        if prefix:  # the model itself comes last
            return
        steps = _count_steps(getattr(module, 'backbone', None))
        most, decay_rate = 1 + max(steps.values()), self.paramwise_cfg['decay_rate']
        factors = {}
        for name, parameter in module.named_parameters():
            known = [n for part, n in steps.items() if name.startswith(f'backbone.{part}.')]
            known.append(most if name.startswith('backbone.') else 0)
            factors[parameter] = decay_rate ** known[0]
        for group in params:
            group['lr'] = group.get('lr', self.base_lr) * factors[group['params'][0]]
        rates = ', '.join(f'{self.base_lr * decay_rate**n:.3g}' for n in range(most, -1, -1))
        print_log(f'learning rates of the layers, from the lowest to the heads: {rates}', 'current')


def _count_steps(backbone: nn.Module | None) -> dict[str, int]:
    """Part of a backbone -> its steps down from the neck; other parts are a step below the last."""
    if isinstance(backbone, ResNet):
        return _of_stages('layer', len(backbone.res_layers))
    if isinstance(backbone, CSPDarknet):
        return _of_stages('stage', len(backbone.layers) - 1)
    if isinstance(backbone, VGG):
        pools = [isinstance(layer, nn.MaxPool2d) for layer in backbone.features]
        return {f'features.{index}': 1 + sum(pools[index:]) for index in range(len(pools))}
    if isinstance(backbone, SwinTransformer):
        return _of_swin([len(stage.blocks) for stage in backbone.stages])
    raise InputError(
        f'optim_wrapper.constructor: the layers of a backbone {type(backbone).__name__} are not '
        'known, only those of ResNet, VGG, CSPDarknet and SwinTransformer'
    )


def _of_stages(name: str, number: int) -> dict[str, int]:
    return {f'{name}{stage}': number + 1 - stage for stage in range(1, number + 1)}


def _of_swin(lengths: list[int]) -> dict[str, int]:
    """As in `SimMIM <https://arxiv.org/abs/2111.09886>`_, given the number of blocks per stage."""
    steps, left = {}, sum(lengths)
    for stage, blocks in enumerate(lengths):
        for block in range(blocks):
            steps[f'stages.{stage}.blocks.{block}'] = left
            left -= 1
        steps[f'stages.{stage}.downsample'] = left + 1
        steps[f'norm{stage}'] = 0  # of what goes to the neck
    return steps
