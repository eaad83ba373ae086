"""Plots of evaluations and training: data in, matplotlib figure out, no display needed."""

from .bars import plot_class_counts
from .class_curves import plot_precision_recall, plot_score_curves
from .counts import plot_count_errors
from .figure import save_figure, save_photo
from .matrices import plot_confusion_matrix
from .training import plot_training, read_scalars

__all__ = [
    'plot_class_counts',
    'plot_confusion_matrix',
    'plot_count_errors',
    'plot_precision_recall',
    'plot_score_curves',
    'plot_training',
    'read_scalars',
    'save_figure',
    'save_photo',
]
