"""What happens around training and testing."""

from .hooks import ClassCheckHook

__all__ = ['ClassCheckHook']
