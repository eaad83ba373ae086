"""Mask R-CNN with cross-entropy weighted by inverse class frequency in its second stage.

Train: tools/d2_train.py --config-file configs/d2/mask_rcnn_weighted_ce.py
Result: not measured.

The mean weight of the training boxes is 1, so that objects and background stay as balanced as in
mask_rcnn.py. All else is as there.
"""

from taco_plugin.d2.config import use_loss

from .mask_rcnn import dataloader, lr_multiplier, model, optimizer, train

use_loss(model, class_weights={'scheme': 'inverse_density', 'scale': 'boxes'})
