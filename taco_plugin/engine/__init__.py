"""What happens around training and testing."""

from .hooks import ClassCheckHook, EvaluationReportHook, TacoVisualizationHook

__all__ = ['ClassCheckHook', 'EvaluationReportHook', 'TacoVisualizationHook']
