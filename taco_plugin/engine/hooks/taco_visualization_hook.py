"""Draws the predictions of a test."""

import os
from collections.abc import Sequence
from pathlib import Path

from mmdet.engine.hooks import DetVisualizationHook
from mmdet.registry import HOOKS
from mmdet.structures import DetDataSample
from mmengine.runner import Runner

from ...images import leads_outside
from .run_summary_hook import inner_datasets


@HOOKS.register_module()
class TacoVisualizationHook(DetVisualizationHook):
    """MMDetection's hook, which here writes pictures to the subfolders of TACO's photographs.

    TACO's 1,500 photographs have only 339 different base names. The stock hook names pictures by
    base name alone, so that most would be overwritten. Photographs from elsewhere get a picture
    below the whole path of their folder.
    """

    test_out_dir: str | None

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict,
        outputs: Sequence[DetDataSample],
    ) -> None:
        """Draws truth and predictions of each image into ``test_out_dir/<folders>/<name>``."""
        out_dir = self.test_out_dir
        datasets = inner_datasets(runner.test_dataloader.dataset)
        root = os.path.commonpath([os.path.abspath(one.data_prefix['img']) for one in datasets])
        for output in outputs:
            if out_dir is not None:
                folder = os.path.relpath(os.path.dirname(output.img_path), root)
                if leads_outside(folder):
                    folder = os.path.relpath(os.path.dirname(output.img_path), '/')
                self.test_out_dir = str(Path(out_dir, folder))
            super().after_test_iter(runner, batch_idx, data_batch, [output])
        self.test_out_dir = out_dir  # the stock hook has prepended the work dir
