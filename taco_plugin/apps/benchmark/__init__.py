"""Measures what detectors cost: `tools/analysis_tools/benchmark_detectors.py`."""
