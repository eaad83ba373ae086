"""Logs the results of an evaluation as tables."""

from mmdet.registry import LOG_PROCESSORS
from mmengine.runner import LogProcessor, Runner

from ..evaluation.record_table import format_record
from ..evaluation.taco_metric import TacoMetric


@LOG_PROCESSORS.register_module()
class TacoLogProcessor(LogProcessor):
    """MMEngine's log processor, which also logs the results of a TacoMetric as tables.

    MMEngine's own log line shows only the ``*_mAP`` of these metrics. TensorBoard, WandB,
    ``scalars.json`` and other backends get all of them.
    """

    def get_log_after_epoch(
        self, runner: Runner, batch_idx: int, mode: str, with_non_scalar: bool = False
    ) -> tuple[dict, str]:
        """Returns the values for the backends, and the text to log."""
        tag, text = super().get_log_after_epoch(runner, batch_idx, mode, with_non_scalar)
        evaluator = runner.val_evaluator if mode == 'val' else runner.test_evaluator
        for metric in evaluator.metrics:
            if isinstance(metric, TacoMetric) and metric.evaluation:
                for name, value in tag.items():
                    if name.removeprefix(f'{mode}/') in metric.names and not name.endswith('_mAP'):
                        text = text.replace(f'  {name}: {value:.{self.num_digits}f}', '', 1)
                text = f'{text}\n{format_record(metric.evaluation.record)}'
        return tag, text
