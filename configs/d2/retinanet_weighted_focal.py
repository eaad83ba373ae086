"""RetinaNet with class-balanced focal loss.

Train: tools/d2_train.py --config-file configs/d2/retinanet_weighted_focal.py
Result: not measured.

Classes are weighted by their effective number of boxes (arXiv:1901.05555, beta 0.999), with a mean
of 1 over the training boxes. Background has three times the weight of an object, as with
RetinaNet's alpha of 0.25, and the loss weight gives an average object a weight of 0.25. All else is
as in retinanet.py.
"""

from taco_plugin.d2.config import use_loss

from .retinanet import dataloader, lr_multiplier, model, optimizer, train

use_loss(
    model,
    class_weights={'scheme': 'effective_number', 'beta': 0.999, 'scale': 'boxes'},
    background_weight=3.0,
    focal_loss_alpha=None,
    loss_cls_weight=0.25,
)
