"""Scores detectors on TACO."""

from .taco_metric import TacoMetric

__all__ = ['TacoMetric']
