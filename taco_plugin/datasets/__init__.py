"""The TACO data set."""

from .taco import TacoDataset

__all__ = ['TacoDataset']
