"""Scores, curves, confusion matrices and errors of detections, and the registered metric.

The metric, :class:`~taco_plugin.evaluation.taco_metric.TacoMetric`, is imported by
:mod:`taco_plugin.plugin`, not here, because nothing else in this package needs MMDetection.
"""
