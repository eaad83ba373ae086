"""Loss functions without MMDetection; ``weighted_losses`` wraps and registers them for it."""

from .functional import weighted_cross_entropy, weighted_focal_loss

__all__ = ['weighted_cross_entropy', 'weighted_focal_loss']
