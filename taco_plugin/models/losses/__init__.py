"""Loss functions, which need nothing of MMDetection, and the registered losses around them.

The registered ones are imported by :mod:`taco_plugin.plugin`, not here.
"""

from .class_weights import SCALES, SCHEMES, ClassWeights, read_class_weights, weigh_classes
from .weighted import weighted_cross_entropy, weighted_focal_loss

__all__ = [
    'SCALES',
    'SCHEMES',
    'ClassWeights',
    'read_class_weights',
    'weigh_classes',
    'weighted_cross_entropy',
    'weighted_focal_loss',
]
