"""A trained detector: found in a work dir, built as MMDetection builds it, applied to images."""

import hashlib
import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import mask2bbox
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader

from .checkpoint_files import Run, best_checkpoint, find_config
from .config_files import parse_options
from .engine.hooks.class_check_hook import load_weights
from .errors import InputError, describe_error
from .evaluation.record import read_record
from .model_facts import build_dataset
from .runtime.prediction import Prediction, make_prediction, predict_by_shape
from .tiles import use_tiles


def find_run(work_dir: str, threshold: float | None = None) -> Run:
    """Finds config and best checkpoint of a run, and the threshold of its best F1.

    The threshold is that of the newest evaluation in the folder; if one is given, none is read.

    Raises:
        InputError: If the folder has no checkpoint or not one config, or a record is broken.
    """
    folder = Path(work_dir)
    if not folder.is_dir():
        raise InputError(f'{work_dir}: no such folder')
    checkpoint = str(best_checkpoint(folder))
    config = str(find_config(folder))
    if threshold is not None:
        return Run(config, checkpoint, threshold, 'as given')
    records = [(path, read_record(path)) for path in folder.rglob('evaluations/*.json')]
    if not records:
        return Run(config, checkpoint)
    path, record = max(records, key=lambda one: one[1].run.time if one[1].run else '')
    if record.curves is None or record.curves.best_f1 == 0:
        return Run(config, checkpoint, note=f'{path} found nothing')
    best = record.curves.best_threshold
    return Run(config, checkpoint, best, f'of the best F1 in {path}')


def choose_run(options: Namespace, threshold: float | None = None) -> Run:
    """The run that a command's ``--run`` names, or else ``--config`` and ``--checkpoint``."""
    if options.run:
        return find_run(options.run, threshold)
    return Run(options.config, options.checkpoint)


class Detector:
    """A detector of MMDetection, ready to predict.

    Args:
        run: Where it is; the threshold is that of :meth:`predict`.
        device: As PyTorch names it; the first accelerator, else the CPU, if None.
        options: ``KEY=VALUE`` as for ``tools/test.py``, which override the config.
        tiles: Whether to predict in tiles, see :func:`~taco_plugin.tiles.use_tiles`.
        changes: Made to the config, in place, before anything is built from it.

    Attributes:
        config: As it was built.
        dataset: Of the test split, not loaded.
        model: On the device, in evaluation mode.
        classes: Their names, in the order of the labels.
        fingerprint: Hash of its model, weights and test pipeline.

    Raises:
        InputError: If a file cannot be used, or the device; if classes or weights do not fit.
    """

    def __init__(
        self,
        run: Run,
        device: str | None,
        options: Sequence[str],
        *,
        tiles: bool,
        changes: Sequence[Callable[[Config], None]] = (),
    ) -> None:
        self._device, self._threshold = _check_device(device), run.threshold
        self.config = config = read_config(run.config, options, tiles=tiles)
        for change in changes:
            change(config)
        steps = [dict(step) for step in get_test_pipeline_cfg(config)]
        loaders = [step for step in steps if 'Load' in str(step['type'])]
        steps = [step for step in steps if step not in loaders]
        self._is_float = any(step.get('to_float32') for step in loaders)
        try:
            init_default_scope(config.get('default_scope') or 'mmdet')
            self.dataset = build_dataset(config)
            self.classes = tuple(self.dataset.metainfo['classes'])
            self.model = revert_sync_batchnorm(MODELS.build(config.model))
            self._steps = Compose(steps)
        except (InputError, OSError):
            raise
        except Exception as error:  # whatever a wrong key leads to
            raise InputError(f'{run.config}: cannot be built ({describe_error(error)})') from error
        check = (config.get('default_hooks') or {}).get('class_check') or {}
        self._load(run.checkpoint, strict=check.get('strict', True))
        digest = hashlib.sha256(repr([config.model, steps]).encode())
        for tensor in self.model.state_dict().values():
            digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy())
        self.fingerprint = digest.hexdigest()
        self.model.to(self._device).eval()

    def _load(self, path: str, *, strict: bool) -> None:
        load = CheckpointLoader.load_checkpoint
        try:
            checkpoint = load(path, map_location='cpu', logger='silent')
            load_weights(self.model, checkpoint, self.classes, strict=strict)
        except FileNotFoundError:
            raise InputError(f'{path}: no such checkpoint') from None
        except InputError as error:
            raise InputError(f'{path}: {str(error).removeprefix(f"{path}: ")}') from None

    def prepare(self, image: np.ndarray, path: str) -> dict[str, Any]:
        """Runs the test pipeline on a decoded image, BGR, uint8, shape (H, W, 3)."""
        size = image.shape[:2]
        pixels = image.astype(np.float32) if self._is_float else image
        shapes = {'img_shape': size, 'ori_shape': size, 'height': size[0], 'width': size[1]}
        try:
            return self._steps({'img': pixels, 'img_path': path, 'img_id': 0, **shapes})
        except (KeyError, TypeError, AttributeError) as error:
            reason = f'the test pipeline needs more than an image ({describe_error(error)})'
            raise InputError(f'{reason}; remove what reads annotations from it') from error

    def predict(self, batch: Sequence[dict[str, Any]]) -> list[Prediction]:
        """Predicts images that :meth:`prepare` returned.

        Only those of one shape go through the network together: padding them to a common shape
        would let the result of an image depend on its neighbours.
        """
        return predict_by_shape(self._predict_alike, batch, 'inputs')

    def _predict_alike(self, batch: Sequence[dict[str, Any]]) -> list[Prediction]:
        keys = 'inputs', 'data_samples'
        try:
            with torch.no_grad():
                samples = self.model.test_step({key: [data[key] for data in batch] for key in keys})
        except torch.OutOfMemoryError:
            raise InputError(f'{self._device}: out of memory; lower --batch-size') from None
        return [_read_sample(sample, self._threshold) for sample in samples]


def _check_device(device: str | None) -> str:
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    if device == 'cuda':
        device = f'cuda:{int(os.environ.get("LOCAL_RANK", 0)) % max(1, torch.cuda.device_count())}'
    try:
        torch.zeros(1, device=device)
    except Exception as error:  # PyTorch promises no particular error
        message = str(error).splitlines()[0]
        raise InputError(f'--device {device}: cannot be used ({message})') from None
    return device


def read_config(path: str, options: Sequence[str], *, tiles: bool) -> Config:
    """Reads a config, for tiles or as it is, and changes it by ``KEY=VALUE`` of the user."""
    try:
        config = Config.fromfile(path)
        if tiles and config.model.type != 'TiledDetector':
            use_tiles(config, train=0.0)
        config.merge_from_dict(parse_options(options))
    except FileNotFoundError:
        raise InputError(f'{path}: no such config') from None
    except InputError:
        raise
    except Exception as error:  # whatever the code in a config raises
        raise InputError(f'{path}: no config of a detector ({describe_error(error)})') from None
    if 'model' not in config or not config.get('test_dataloader'):
        raise InputError(f'{path}: no config of a detector (it has no model or no test_dataloader)')
    return config


def _read_sample(sample: DetDataSample, threshold: float) -> Prediction:
    found = sample.pred_instances
    found = found[found.scores >= threshold]
    found = found[found.scores.argsort(descending=True, stable=True)].cpu()
    masks, xyxy = found.get('masks'), found.bboxes
    if masks is not None and not xyxy.any():  # a detector of masks alone, such as SOLO
        xyxy = mask2bbox(torch.as_tensor(masks))
    boxes, scores, labels = (column.numpy() for column in (xyxy, found.scores, found.labels))
    size, pixels = sample.ori_shape[::-1], None if masks is None else np.asarray(masks)
    return make_prediction(boxes, scores, labels, size, pixels)
