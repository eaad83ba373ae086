"""SSD head with a configurable classification loss."""

from typing import Any

from mmdet.models.dense_heads import SSDHead
from mmdet.models.losses import smooth_l1_loss
from mmdet.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class TacoSSDHead(SSDHead):
    """``SSDHead`` whose classification loss is not fixed to cross-entropy.

    As in the stock head, ``train_cfg.neg_pos_ratio`` background samples per object, those with the
    highest loss, are included. This head can also predict: in MMDetection 3.3.0, ``SSDHead`` fails
    because it lacks the attribute ``loss_cls``.

    Args:
        loss_cls: A softmax loss that can be computed without reduction.
        args, kwargs: As for ``SSDHead``.
    """

    def __init__(self, *args: Any, loss_cls: dict | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.loss_cls = MODELS.build(loss_cls or {'type': 'CrossEntropyLoss'})

    def loss_by_feat_single(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        anchor: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        avg_factor: int,
    ) -> tuple[Tensor, Tensor]:
        """Losses of one image; only the classification loss differs from the stock head."""
        losses = self.loss_cls(cls_score, labels, label_weights, reduction_override='none')
        objects = losses[(labels >= 0) & (labels < self.num_classes)]
        background = losses[labels == self.num_classes]
        count = min(self.train_cfg['neg_pos_ratio'] * len(objects), len(background))
        loss_cls = (objects.sum() + background.topk(count).values.sum()) / avg_factor
        if self.reg_decoded_bbox:
            bbox_pred = self.bbox_coder.decode(anchor, bbox_pred)
        loss_bbox = smooth_l1_loss(
            bbox_pred,
            bbox_targets,
            bbox_weights,
            beta=self.train_cfg['smoothl1_beta'],
            avg_factor=avg_factor,
        )
        return loss_cls[None], loss_bbox
