"""Litter detection on TACO with MMDetection."""

__version__ = '0.1.0'
