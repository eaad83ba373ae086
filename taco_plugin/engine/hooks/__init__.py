"""Hooks for MMEngine's runner."""

from .class_check_hook import ClassCheckHook
from .evaluation_report_hook import EvaluationReportHook
from .taco_visualization_hook import TacoVisualizationHook

__all__ = ['ClassCheckHook', 'EvaluationReportHook', 'TacoVisualizationHook']
