"""Faster R-CNN with softmax focal loss in its second stage.

Train: tools/d2_train.py --config-file configs/d2/faster_rcnn_focal.py
Result: not measured.

Gamma is 2, as in the focal loss paper. Background is one of the classes of the softmax, so no alpha
is needed. All else is as in faster_rcnn.py.
"""

from taco_plugin.d2.config import use_loss

from .faster_rcnn import dataloader, lr_multiplier, model, optimizer, train

use_loss(model, gamma=2.0)
