"""Scores what follows a detector's network without running it again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mmengine
from mmcv.ops import batched_nms
from mmdet.registry import DATASETS, METRICS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from ...checkpoint_files import best_checkpoint
from ...class_counts import walk
from ...command_line import stage, why_it_failed
from ...errors import InputError
from .space import Settings, Target

_LEAST_SCORE = 0.001
_ANY_NUMBER = 1_000_000


class RawPredictions:
    """Boxes of the validation split as a detector gives them before non-maximum suppression.

    Args:
        target: The detector's config.
        checkpoint: The weights, or a work dir with a best checkpoint.
        folder: Keeps the boxes, in ``raw_predictions.pkl``, for the next start.
        tools: Folder of ``test.py``.

    Raises:
        InputError: If the detector has no such step, or predicts masks, or cannot be run.
    """

    def __init__(self, target: Target, checkpoint: str, folder: Path, tools: Path) -> None:
        config, file = target.config, folder / 'raw_predictions.pkl'
        self._is_roi = 'rcnn' in (config.model.get('test_cfg') or {})
        self._path = 'model.test_cfg.rcnn' if self._is_roi else 'model.test_cfg'
        has_masks = any(path.endswith('mask_head') for path, _ in walk(config.model))
        if has_masks or not {'nms', 'score_thr'} <= set(self._step(config) or ()):
            reason = 'masks' if has_masks else f'no {self._path}.nms'
            raise InputError(f'{target.path}: has {reason}, so --checkpoint cannot be used')
        weights = best_checkpoint(checkpoint) if os.path.isdir(checkpoint) else Path(checkpoint)
        if not weights.is_file():
            raise InputError(f'--checkpoint {weights}: no such file')
        leaf = self._make_leaf(target, weights, file.with_suffix('.py'))
        with stage('predicting the validation split once'):
            self._predict(leaf, weights, file, tools)
        self._samples = mmengine.load(file)
        init_default_scope(config.get('default_scope') or 'mmdet')
        dataset = DATASETS.build({**config.val_dataloader.dataset, 'lazy_init': True})
        self._metric = METRICS.build(config.val_evaluator)
        self._metric.dataset_meta = dataset.metainfo

    def _make_leaf(self, target: Target, weights: Path, leaf: Path) -> str:
        settings = {
            f'{self._path}.score_thr': _LEAST_SCORE,
            f'{self._path}.nms': {'type': 'nms', 'iou_threshold': 1.0},
            f'{self._path}.max_per_img': _ANY_NUMBER,
            'test_dataloader': target.config.val_dataloader.to_dict(),
            'test_evaluator': [],
        }
        date = weights.stat().st_mtime_ns
        return target.make_leaf(leaf, f'Boxes of {weights} ({date}) before suppression.', settings)

    def _predict(self, text: str, weights: Path, file: Path, tools: Path) -> None:
        """Predicts, unless the boxes of this config and these weights are there."""
        leaf, new, log = (file.with_suffix(suffix) for suffix in ('.py', '.new.pkl', '.log'))
        if file.exists() and leaf.exists() and leaf.read_text() == text:
            return
        file.unlink(missing_ok=True)
        leaf.write_text(text)
        command = [sys.executable, tools / 'test.py', leaf, weights, '--out', new]
        command += ['--work-dir', file.with_suffix('')]
        with log.open('w') as output:
            done = subprocess.run([*map(str, command)], stdout=output, stderr=subprocess.STDOUT)
        if done.returncode:
            raise InputError(why_it_failed(done.returncode, log))
        os.replace(new, file)

    def _step(self, config: Config) -> Any:  # noqa: ANN401
        return config.model.test_cfg.rcnn if self._is_roi else config.model.get('test_cfg')

    def check(self, settings: Settings, where: str) -> None:
        """Refuses settings that need another training, or boxes that are not there."""
        known = tuple(f'{self._path}.{key}' for key in ('score_thr', 'nms', 'max_per_img'))
        for key, value in settings.items():
            if not key.startswith(known):
                raise InputError(f'{where}: {key} needs training; leave out --checkpoint')
            if key.endswith('.score_thr') and value < _LEAST_SCORE:
                raise InputError(f'{where}: {key} must be {_LEAST_SCORE} or more, but is {value}')

    def score(self, config: Config) -> dict[str, float]:
        """The metrics with the post-processing of a config, as ``tools/test.py`` computes them."""
        found = [_suppress(sample, self._step(config)) for sample in self._samples]
        self._metric.process({}, found)
        return self._metric.evaluate(len(found))


def _suppress(sample: dict, step: Any) -> dict:  # noqa: ANN401
    """Applies the post-processing of MMDetection's heads to the raw boxes of an image."""
    found = sample['pred_instances']
    kept = found['scores'] > step.score_thr
    boxes, scores, labels = (found[key][kept] for key in ('bboxes', 'scores', 'labels'))
    if len(boxes):
        both, indices = batched_nms(boxes, scores, labels, step.nms)
        both, indices = (rows[: step.get('max_per_img') or None] for rows in (both, indices))
        boxes, scores, labels = both[:, :4], both[:, 4], labels[indices]
    return {**sample, 'pred_instances': {'bboxes': boxes, 'scores': scores, 'labels': labels}}
