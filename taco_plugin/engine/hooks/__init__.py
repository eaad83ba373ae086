"""Hooks: one per file."""

from .class_check_hook import ClassCheckHook
from .taco_visualization_hook import TacoVisualizationHook

__all__ = ['ClassCheckHook', 'TacoVisualizationHook']
