"""Finds the runs of each framework, and reads their detectors and training logs.

MMDetection writes a folder per start of a run, ``<work_dir>/<time>``, with ``vis_data``.
Detectron2 writes all starts into one folder, in which ``tools/d2_train.py`` puts ``run.json``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from mmengine.config import Config
from mmengine.logging import MMLogger

from ...errors import InputError, describe_error
from ...json_files import read_json
from ...visualization import read_scalars
from ...visualization.training import read_detectron2_log
from .model import Model, describe_model

_MMDETECTION = 'vis_data/config.py'
_DETECTRON2 = 'run.json'


@dataclass(frozen=True)
class Training:
    """The log of a training, with all parts of one that was resumed.

    Args:
        rows: As :func:`~taco_plugin.visualization.read_scalars` returns them.
        epochs: How many were begun, None in a training by iterations.
        planned_epochs: Those of the config, None in a training by iterations.
        iterations: How many were logged.
        seconds: Time that the iterations took; validations and checkpoints are not in it.
    """

    rows: Sequence[Mapping[str, Any]]
    epochs: int | None
    planned_epochs: int | None
    iterations: int
    seconds: float


def find_starts(folder: Path) -> list[Path]:
    """Folders of the starts of runs, the latest last."""
    starts = {path: path.parents[1] for path in folder.rglob(_MMDETECTION)}
    starts |= {path: path.parent for path in folder.rglob(_DETECTRON2)}
    return [starts[path] for path in sorted(starts, key=lambda path: path.stat().st_mtime)]


def name_configs(start: Path) -> list[str]:
    """Names of the configs that were run in the work dir of a start; there should be one."""
    if (start / _DETECTRON2).is_file():
        return [_read_run_facts(start).config]
    return [path.stem for path in start.parent.glob('*.py')]


def read_start(start: Path, folder: Path, name: str) -> tuple[Model, Training | None]:
    """Reads the detector of a start, and the training of all starts in ``folder``.

    Args:
        start: One of :func:`find_starts`.
        folder: That was given.
        name: Of the run, if its config has none.

    Raises:
        InputError: If what the framework wrote is missing or broken.
    """
    if (start / _DETECTRON2).is_file():
        log = start / 'metrics.json'
        logged = read_detectron2_log(log) if log.is_file() and log.stat().st_size else []
        _check_numbers(log, logged)
        return _read_run_facts(start), _summarize(logged, planned_epochs=None)
    path = start / _MMDETECTION
    if not path.is_file():
        raise InputError(
            f'{path}: no such file; compare work dirs that train.py, test.py or d2_train.py wrote'
        )
    try:
        config = Config.fromfile(path)
        planned_epochs = (config.get('train_cfg') or {}).get('max_epochs')
        model = describe_model(config, next(iter(name_configs(start)), name))
    except Exception as error:  # whatever the code in a config raises
        raise InputError(f'{path}: no config of a detector ({describe_error(error)})') from None
    return model, _summarize(_read_mmdetection_logs(folder), planned_epochs)


def _read_run_facts(start: Path) -> Model:
    """Reads what ``taco_plugin.d2.run_facts`` wrote."""
    path = start / _DETECTRON2
    try:
        return msgspec.convert(read_json(path), Model)
    except msgspec.ValidationError as error:
        raise InputError(f'{path}: not the facts of a Detectron2 run: {error}') from None


def _read_mmdetection_logs(folder: Path) -> list[Mapping[str, Any]]:
    """All parts of a training; what a resumed part did over is left out of the part before."""
    rows: list[Mapping[str, Any]] = []
    for path in sorted(folder.rglob('vis_data/scalars.json')):
        if path.stat().st_size:
            part = read_scalars(path)
            _check_numbers(path, part)
            first = next((row for row in part if 'loss' in row), None)
            if first:  # the step of a validation counts epochs, where there are any
                units = ['step' if 'loss' in row else 'epoch' for row in rows]
                least = [first.get(unit, first['step']) for unit in units]
                rows = [row for row, end in zip(rows, least, strict=True) if row['step'] < end]
            rows += part
        else:
            MMLogger.get_current_instance().warning(f'{path}: is empty; the run broke off')
    return rows


def _summarize(rows: Sequence[Mapping[str, Any]], planned_epochs: int | None) -> Training | None:
    trained = [row for row in rows if 'loss' in row]
    if not trained:
        return None
    steps = [row['step'] for row in trained]
    seconds = float(np.diff(steps, prepend=0) @ [row.get('time', 0.0) for row in trained])
    epochs = max((row['epoch'] for row in trained if 'epoch' in row), default=None)
    return Training(rows, epochs, None if epochs is None else planned_epochs, steps[-1], seconds)


def _check_numbers(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuses a log in which what is read is no number; a loss may be NaN."""
    for number, row in enumerate(rows, start=1):
        for name, value in row.items():
            counts = name in ('step', 'epoch', 'time')
            is_read = counts or 'loss' in name or name.endswith('mAP')
            is_number = isinstance(value, int | float) and (not counts or 0 <= value < np.inf)
            if is_read and not is_number:
                raise InputError(
                    f'{path}, row {number}: {name} is {value!r}, no number of its kind'
                )
