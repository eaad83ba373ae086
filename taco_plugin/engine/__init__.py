"""Hooks, rates and the log processor for training and testing."""

from .hooks.class_check_hook import ClassCheckHook
from .hooks.evaluation_report_hook import EvaluationReportHook
from .hooks.gradual_unfreezing_hook import GradualUnfreezingHook
from .hooks.run_summary_hook import RunSummaryHook
from .hooks.stop_after_epoch_hook import StopAfterEpochHook
from .hooks.taco_early_stopping_hook import TacoEarlyStoppingHook
from .hooks.taco_visualization_hook import TacoVisualizationHook
from .layer_decay_optim_wrapper_constructor import LayerDecayOptimWrapperConstructor
from .paramwise_one_cycle_lr import ParamwiseOneCycleLR
from .taco_log_processor import TacoLogProcessor

__all__ = [
    'ClassCheckHook',
    'EvaluationReportHook',
    'GradualUnfreezingHook',
    'LayerDecayOptimWrapperConstructor',
    'ParamwiseOneCycleLR',
    'RunSummaryHook',
    'StopAfterEpochHook',
    'TacoEarlyStoppingHook',
    'TacoLogProcessor',
    'TacoVisualizationHook',
]
