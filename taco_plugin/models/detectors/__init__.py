"""Detectors that wrap MMDetection's."""
