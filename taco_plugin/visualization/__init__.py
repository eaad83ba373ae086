"""Figures of evaluations and trainings: data in, matplotlib figure out, no window needed."""

from .class_counts import plot_class_counts
from .confusion_matrix import plot_confusion_matrix
from .figure import save_figure, save_photo
from .precision_recall import plot_precision_recall
from .scalars import read_scalars
from .score_curves import plot_score_curves
from .training import plot_training

__all__ = [
    'plot_class_counts',
    'plot_confusion_matrix',
    'plot_precision_recall',
    'plot_score_curves',
    'plot_training',
    'read_scalars',
    'save_figure',
    'save_photo',
]
