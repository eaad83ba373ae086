"""The TACO data set and the transforms of its pipelines."""

from .taco import TacoDataset
from .transforms import LoadTacoImage

__all__ = ['LoadTacoImage', 'TacoDataset']
