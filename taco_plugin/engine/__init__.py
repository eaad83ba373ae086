"""What happens around training and testing."""

from .hooks import ClassCheckHook, TacoVisualizationHook

__all__ = ['ClassCheckHook', 'TacoVisualizationHook']
