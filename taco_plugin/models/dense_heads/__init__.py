"""Dense heads that MMDetection lacks."""

from .taco_ssd_head import TacoSSDHead

__all__ = ['TacoSSDHead']
