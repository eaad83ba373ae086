"""Class-activation maps: which of the features that a head reads speak for a detection."""

import sys
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import torch
from mmdet.models.dense_heads import base_dense_head
from mmdet.models.detectors import BaseDetector
from mmdet.models.utils import select_single_mlvl
from mmdet.structures import DetDataSample
from torch import Tensor, nn
from tqdm import tqdm

from ...command_line import import_extra
from ...errors import InputError
from .attention import Inputs, measure
from .plots import Maps


class CamMaker(nn.Module):
    """Predicts an image, and makes maps of what it finds; leaves the detector as it was.

    For the library, it is a network from the image to the scores, with a layer for each feature map
    that the detector's head reads. The maps are computed once.

    Args:
        model: The detector.
        inputs: The image.
        method: ``eigencam`` is the first principal component of the features of the level that a
            detection is read from, whatever its class; ``gradcam`` are these features, weighted at
            each place by the gradient of the detection's score.

    Attributes:
        sample: What was found.
        features: The feature maps.

    Raises:
        InputError: If ``grad-cam`` is not installed, or the detector's scores do not follow from
            feature maps.
    """

    sample: DetDataSample

    def __init__(self, model: BaseDetector, inputs: Inputs, method: str) -> None:
        super().__init__()
        library = import_extra('pytorch_grad_cam', 'explain')
        kinds = {'eigencam': library.EigenCAM, 'gradcam': library.GradCAMElementWise}
        self._kind, self._model, self._inputs = kinds[method], model, inputs
        self._name = type(model).__name__
        with torch.no_grad():
            features = model.extract_feat(inputs['inputs'])
        if not isinstance(features, tuple | list) or {one.dim() for one in features} != {4}:
            raise InputError(f'{self._name}: its features are no feature maps')
        self.features = [one.requires_grad_() for one in features]
        self._taps = nn.ModuleList(nn.Identity() for _ in features)
        (self._scores,) = self(inputs['inputs'])
        if len(self._scores) and not self._scores.requires_grad:
            raise InputError(f'{self._name}: its scores have no gradient to its features')

    def forward(self, image: Tensor) -> list[Tensor]:
        """Scores of the detections in the only image, shape (1, N)."""
        tapped = tuple(tap(one) for tap, one in zip(self._taps, self.features, strict=True))
        head = getattr(self._model, 'bbox_head', None)
        module = sys.modules[head.predict_by_feat.__module__] if head else base_dense_head
        with (
            patch.object(self._model, 'extract_feat', lambda _: tapped),
            # Dense heads cut scores off their gradients here.
            patch.object(module, 'select_single_mlvl', _select_attached, create=True),
        ):
            (self.sample,) = self._model.predict(image, self._inputs['data_samples'])
        return [self.sample.pred_instances.scores]

    def make(self, indices: Sequence[int]) -> tuple[Maps, list[str]]:
        """The maps of some detections, and the level of features that each is read from."""
        height, width = max(tuple(one.shape[2:]) for one in self.features)
        image, maps, sources = self._inputs['inputs'], [], []
        for index in tqdm(indices, 'maps', delay=2):
            level = self._level(index)
            sources.append(f'level {level + 1} of {len(self.features)}')
            cam = self._kind(self, [self._taps[level]])
            cam.get_target_width_height = lambda _: (width, height)
            try:
                maps.append(cam(image, [lambda scores, index=index: scores[index]])[0])
            finally:
                cam.activations_and_grads.release()
                self.zero_grad()
        weights = np.array(maps, np.float32).reshape(1, 1, -1, height, width)
        return Maps(weights, measure(self.sample, self.sample.batch_input_shape)), sources

    def _level(self, index: int) -> int:
        gradients = torch.autograd.grad(
            self._scores[index], self.features, retain_graph=True, allow_unused=True
        )
        sums = [0.0 if one is None else float(one.abs().sum()) for one in gradients]
        if not any(sums):
            raise InputError(f'{self._name}: no feature map has a part in the score of a detection')
        return int(np.argmax(sums))


def _select_attached(levels: Sequence[Tensor], number: int, **_: bool) -> list[Tensor]:
    return select_single_mlvl(levels, number, detach=False)
