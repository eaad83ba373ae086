"""The TACO data set, and crops of its photographs."""

from .random_litter_crop import RandomLitterCrop
from .taco import TacoDataset

__all__ = ['RandomLitterCrop', 'TacoDataset']
