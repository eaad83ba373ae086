"""Scores, curves, matrices and errors of detections, and the registered metric around them.

The metric, :class:`~taco_plugin.evaluation.taco_metric.TacoMetric`, is imported by
:mod:`taco_plugin.plugin`, not here: all else needs nothing of MMDetection.
"""
