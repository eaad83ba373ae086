"""Transforms for the pipelines of TACO."""

from .load_taco_annotations import LoadTacoAnnotations
from .load_taco_image import LoadTacoImage

__all__ = ['LoadTacoAnnotations', 'LoadTacoImage']
