"""Loss functions, which need no MMDetection; ``weighted_losses`` registers losses around them."""

from .functional import weighted_cross_entropy, weighted_focal_loss

__all__ = ['weighted_cross_entropy', 'weighted_focal_loss']
