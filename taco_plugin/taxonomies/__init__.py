"""Taxonomies: the classes that a model learns, and which categories belong to each."""

from .taxonomy import TAXONOMIES, Taxonomy, load_taxonomy

__all__ = ['TAXONOMIES', 'Taxonomy', 'load_taxonomy']
