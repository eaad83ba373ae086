"""Hooks for MMEngine's runner."""

from .class_check_hook import ClassCheckHook
from .evaluation_report_hook import EvaluationReportHook
from .taco_early_stopping_hook import TacoEarlyStoppingHook
from .taco_visualization_hook import TacoVisualizationHook

__all__ = [
    'ClassCheckHook',
    'EvaluationReportHook',
    'TacoEarlyStoppingHook',
    'TacoVisualizationHook',
]
