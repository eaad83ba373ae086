"""The TACO data set and the transforms of its pipelines."""

from .mixed import TacoMultiImageMixDataset
from .taco import TacoDataset
from .transforms import LoadTacoAnnotations, LoadTacoImage

__all__ = ['LoadTacoAnnotations', 'LoadTacoImage', 'TacoDataset', 'TacoMultiImageMixDataset']
