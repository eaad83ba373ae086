"""Taxonomies: what a model learns to tell apart."""

from .taxonomy import TAXONOMIES, Taxonomy, load_taxonomy

__all__ = ['TAXONOMIES', 'Taxonomy', 'load_taxonomy']
