"""What happens around training and testing."""

from .hooks import (
    ClassCheckHook,
    EvaluationReportHook,
    TacoEarlyStoppingHook,
    TacoVisualizationHook,
)

__all__ = [
    'ClassCheckHook',
    'EvaluationReportHook',
    'TacoEarlyStoppingHook',
    'TacoVisualizationHook',
]
