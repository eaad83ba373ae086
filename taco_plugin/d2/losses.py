"""Class weights, label smoothing and focal loss in Detectron2's box predictors and RetinaNet.

LazyConfig names the classes themselves, see :func:`taco_plugin.d2.config.use_loss`. YAML names
``MODEL.ROI_HEADS.NAME`` or ``MODEL.META_ARCHITECTURE``, and sets the options in ``TACO``, see
:func:`taco_plugin.d2.config.add_taco_config`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from detectron2.config import CfgNode, configurable
from detectron2.layers import ShapeSpec, cat
from detectron2.modeling import META_ARCH_REGISTRY, ROI_HEADS_REGISTRY
from detectron2.modeling.box_regression import _dense_box_regression_loss
from detectron2.modeling.meta_arch import RetinaNet
from detectron2.modeling.roi_heads import CascadeROIHeads, FastRCNNOutputLayers, StandardROIHeads
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import get_event_storage
from omegaconf import OmegaConf
from torch import Tensor

from ..errors import InputError
from ..models.losses import weighted_cross_entropy, weighted_focal_loss
from ..models.losses.class_weighted_loss import ClassWeightedLoss


class SummedLoss(ClassWeightedLoss):
    """Sum of the classification losses of samples; the detector divides it by its normalizer.

    Args:
        use_sigmoid: Use one sigmoid per class instead of softmax over classes and background.
        class_weights: See :func:`~taco_plugin.models.losses.class_weights.read_class_weights`.
        background_weight: Weight of background samples, >= 0.
        label_smoothing: In [0, 1); only for cross-entropy, which ``gamma=0`` is.
        gamma: Focusing exponent, >= 0.
        alpha: Weight of objects, in [0, 1], and 1 - alpha that of background; not together with
            class weights. None or a negative number is no such weight.

    Raises:
        InputError: If an argument is out of its range, or class weights cannot be read.
    """

    def __init__(
        self,
        *,
        use_sigmoid: bool,
        class_weights: Sequence[float] | Mapping[str, Any] | None = None,
        background_weight: float = 1.0,
        label_smoothing: float = 0.0,
        gamma: float = 0.0,
        alpha: float | None = None,
    ) -> None:
        alpha = None if alpha is None or alpha < 0 else alpha
        if label_smoothing and (gamma or alpha is not None):
            raise InputError(
                f'label_smoothing={label_smoothing} is for cross-entropy: gamma must be 0 and '
                f'alpha None, but they are {gamma} and {alpha}'
            )
        loss = partial(weighted_focal_loss, gamma=gamma, alpha=alpha)
        if not gamma and alpha is None:
            loss = partial(weighted_cross_entropy, label_smoothing=label_smoothing)
        if OmegaConf.is_config(class_weights):
            given: Any = OmegaConf.to_container(class_weights, resolve=True)
            class_weights = given
        super().__init__(
            loss,
            use_sigmoid=use_sigmoid,
            class_weights=class_weights,
            background_weight=background_weight,
        )
        words = ['sigmoid'] if use_sigmoid else ['softmax'] if gamma else []
        self.words = [' '.join([*words, 'focal' if gamma else 'cross-entropy'])]
        if class_weights is not None:
            scheme = class_weights.get('scheme') if isinstance(class_weights, Mapping) else None
            self.words.append(scheme or 'weights by value')
        options = {'gamma': gamma, 'label_smoothing': label_smoothing}
        self.words += [f'{name} {value}' for name, value in options.items() if value]

    def describe_loss(self) -> str:
        """The loss in words."""
        return ', '.join(self.words)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Sums the losses.

        Args:
            logits: Shape (N, K), for softmax (N, K + 1) with background last.
            targets: Class indices, shape (N,); K is background, a negative one is ignored.
        """
        return self.loss(logits, targets, reduction='sum', **self.weighing())


SHARED = ('class_weights', 'background_weight', 'label_smoothing')
"""Arguments of :class:`SummedLoss` that have one name in all detectors."""


def take_options(arguments: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Removes the named options that ``arguments`` holds, and returns them."""
    return {name: arguments.pop(name) for name in names if name in arguments}


class WeightedOutputLayers(FastRCNNOutputLayers):
    """Detectron2's box predictor with another classification loss, averaged over the proposals.

    With ``use_sigmoid_ce=True``, each class has a sigmoid; the last logit, of background, is then
    neither trained nor used. Other arguments are those of FastRCNNOutputLayers and of
    :class:`SummedLoss`.
    """

    @configurable
    def __init__(self, input_shape: ShapeSpec, **kwargs: Any) -> None:  # noqa: ANN401
        options = take_options(kwargs, (*SHARED, 'gamma', 'alpha'))
        super().__init__(input_shape, **kwargs)
        if self.use_fed_loss:
            raise InputError('use_fed_loss samples classes: it cannot be used with a weighted loss')
        self.loss = SummedLoss(use_sigmoid=self.use_sigmoid_ce, **options)

    @classmethod
    def from_config(cls, cfg: CfgNode, input_shape: ShapeSpec) -> dict[str, Any]:
        """Arguments from a YAML config."""
        arguments = super().from_config(cfg, input_shape)
        arguments['loss_weight']['loss_cls'] = cfg.TACO.LOSS_CLS_WEIGHT
        return arguments | read_options(cfg) | {'gamma': cfg.TACO.GAMMA, 'alpha': cfg.TACO.ALPHA}

    def losses(
        self, predictions: tuple[Tensor, Tensor], proposals: list[Instances]
    ) -> dict[str, Tensor]:
        """Losses of a batch, see FastRCNNOutputLayers.losses."""
        losses = super().losses(predictions, proposals)
        scores = predictions[0]
        targets = cat([image.gt_classes for image in proposals])
        total = self.loss(scores[:, :-1] if self.use_sigmoid_ce else scores, targets)
        factor = self.loss_weight.get('loss_cls', 1.0)
        return losses | {'loss_cls': total / max(len(targets), 1) * factor}


@META_ARCH_REGISTRY.register()
class WeightedRetinaNet(RetinaNet):
    """Detectron2's RetinaNet with class weights in its focal loss.

    Sums are divided by the stock normalizer, a moving average of the number of positive anchors.
    ``focal_loss_gamma=0`` is cross-entropy. ``focal_loss_alpha`` must be None or -1 with class
    weights. Other arguments are those of RetinaNet and of :class:`SummedLoss`.

    Args:
        loss_cls_weight: Factor of the classification loss.
    """

    @configurable
    def __init__(self, *, loss_cls_weight: float = 1.0, **kwargs: Any) -> None:  # noqa: ANN401
        options = take_options(kwargs, SHARED)
        super().__init__(**kwargs)
        gamma, alpha = self.focal_loss_gamma, self.focal_loss_alpha
        self.loss = SummedLoss(use_sigmoid=True, gamma=gamma, alpha=alpha, **options)
        self.loss_cls_weight = loss_cls_weight

    @classmethod
    def from_config(cls, cfg: CfgNode) -> dict[str, Any]:
        """Arguments from a YAML config."""
        weight = {'loss_cls_weight': cfg.TACO.LOSS_CLS_WEIGHT}
        return super().from_config(cfg) | read_options(cfg) | weight

    def losses(
        self,
        anchors: list[Boxes],
        pred_logits: list[Tensor],
        gt_labels: list[Tensor],
        pred_anchor_deltas: list[Tensor],
        gt_boxes: list[Tensor],
    ) -> dict[str, Tensor]:
        """Losses of a batch, see RetinaNet.losses."""
        labels = torch.stack(gt_labels)
        positive = (labels >= 0) & (labels != self.num_classes)
        count = int(positive.sum())
        get_event_storage().put_scalar('num_pos_anchors', count / len(labels))
        normalizer = self._ema_update('loss_normalizer', max(count, 1), 100)
        loss_cls = self.loss(cat(pred_logits, dim=1).flatten(0, 1), labels.flatten())
        loss_box_reg = _dense_box_regression_loss(
            anchors,
            self.box2box_transform,
            pred_anchor_deltas,
            gt_boxes,
            positive,
            box_reg_loss_type=self.box_reg_loss_type,
            smooth_l1_beta=self.smooth_l1_beta,
        )
        return {
            'loss_cls': loss_cls * self.loss_cls_weight / normalizer,
            'loss_box_reg': loss_box_reg / normalizer,
        }


@ROI_HEADS_REGISTRY.register()
class WeightedROIHeads(StandardROIHeads):
    """StandardROIHeads with :class:`WeightedOutputLayers`, for YAML."""

    @classmethod
    def _init_box_head(cls, cfg: CfgNode, input_shape: dict[str, ShapeSpec]) -> dict[str, Any]:
        parts = super()._init_box_head(cfg, input_shape)
        parts['box_predictor'] = WeightedOutputLayers(cfg, parts['box_head'].output_shape)
        return parts


@ROI_HEADS_REGISTRY.register()
class WeightedCascadeROIHeads(CascadeROIHeads):
    """CascadeROIHeads with :class:`WeightedOutputLayers` in every stage, for YAML."""

    @classmethod
    def _init_box_head(cls, cfg: CfgNode, input_shape: dict[str, ShapeSpec]) -> dict[str, Any]:
        parts = super()._init_box_head(cfg, input_shape)
        parts['box_predictors'] = [
            WeightedOutputLayers(
                cfg, head.output_shape, box2box_transform=predictor.box2box_transform
            )
            for head, predictor in zip(parts['box_heads'], parts['box_predictors'], strict=True)
        ]
        return parts


def read_options(cfg: CfgNode) -> dict[str, Any]:
    """Options of :class:`SummedLoss` that ROI heads and RetinaNet share, from a YAML config."""
    weights: Any = dict(cfg.TACO.CLASS_WEIGHTS)
    if list(weights) == ['weights'] and not isinstance(weights['weights'], Mapping):
        weights = weights['weights']
    elif weights:
        weights = {'taxonomy': cfg.TACO.TAXONOMY} | weights
        if 'scheme' in weights:
            weights.setdefault('ann_file', f'{cfg.TACO.ROOT}/annotations/train.json')
    return {
        'class_weights': weights or None,
        'background_weight': cfg.TACO.BACKGROUND_WEIGHT,
        'label_smoothing': cfg.TACO.LABEL_SMOOTHING,
    }
