"""What runs wrote into their work dirs, and how it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.logging import MMLogger
from tqdm import tqdm

from ...errors import InputError
from ...evaluation.detections import EvaluatedBoxes, read_evaluated_boxes
from ...evaluation.record import Record, read_record
from ...visualization import read_scalars
from .model import Model, describe_model


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


@dataclass(frozen=True)
class Run:
    """A run, with its latest test, else its best validation.

    Args:
        name: Tells it from the others of a comparison.
        folder: Its work dir.
        model: Its detector.
        training: None where the folder has no log of one.
        evaluation: ``test``, or ``val_`` and an epoch or iteration; None without any.
        record: Of the evaluation's metrics, None without any.
        boxes: None where they were not kept, as of a validation.
        pictures: Those that the run drew of the evaluation, by their names without suffix.
    """

    name: str
    folder: Path
    model: Model
    training: Training | None
    evaluation: str | None = None
    record: Record | None = None
    boxes: EvaluatedBoxes | None = None
    pictures: Mapping[str, Path] = field(default_factory=dict)


def evaluated(runs: Sequence[Run]) -> dict[str, Record]:
    """Name of each run that was evaluated -> its record; others are compared with the first."""
    return {run.name: run.record for run in runs if run.record}


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Reads runs, so that they can be compared.

    Folders are work dirs, or that of one start of a run, ``<work_dir>/<time>``. Each run is taken
    at its latest test; if not all were tested, but all were validated, each at its validation of
    the highest mAP. One that was never evaluated, as after a crash, is read as well. The configs
    that lie in the folders are run, as by MMDetection's own tools.

    Raises:
        InputError: If a folder is given twice, holds no run or several, or a broken file.
    """
    paths = [Path(folder).resolve() for folder in folders]
    twice = sorted({str(path) for path in paths if paths.count(path) > 1})
    if twice:
        raise InputError(f'{twice[0]}: given twice')
    evaluations = [_find_evaluations(path) for path in paths]
    common = [kind for kind in ('test', 'val') if all(kind in of_run for of_run in evaluations)]
    chosen = [next((of_run[kind] for kind in common or of_run), None) for of_run in evaluations]
    bar = tqdm(name_runs(paths), desc='reading', disable=None)
    return list(map(_read_run, bar, paths, chosen))


def name_runs(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that differ, such as ``a/detr`` and ``b/detr``."""
    length = 1
    while len({path.parts[-length:] for path in paths}) < len(paths):
        length += 1
    return ['/'.join(path.parts[-length:]) for path in paths]


def _find_evaluations(folder: Path) -> dict[str, tuple[Path, Record]]:
    """The evaluation to take of each kind, ``test`` before ``val``, with the path of its file."""
    if not folder.is_dir():
        raise InputError(f'{folder}: no such folder')
    configs = {path.stem for start in _starts(folder) for path in start.parent.glob('*.py')}
    if len(configs) > 1:
        names = ', '.join(sorted(configs))
        raise InputError(f'{folder}: holds runs of several configs ({names}); give their work dirs')
    found: dict[str, list[tuple[Path, Record]]] = {'test': [], 'val': []}
    for path in folder.rglob('evaluations/*.json'):
        found['test' if path.stem == 'test' else 'val'].append((path, read_record(path)))
    return {kind: max(some, key=_rank) for kind, some in found.items() if some}


def _rank(evaluation: tuple[Path, Record]) -> tuple[float, str, str]:
    """Of tests, the latest is the highest, and of validations the best."""
    path, record = evaluation
    mean_ap = 0.0 if path.stem == 'test' else record.main_metrics.coco['mAP']
    return mean_ap, record.run.time if record.run else '', str(path)


def _read_run(name: str, folder: Path, chosen: tuple[Path, Record] | None) -> Run:
    start = chosen[0].parents[1] if chosen else next(iter(_starts(folder)[::-1]), None)
    if start is None:
        raise InputError(
            f'{folder}: no run in here; give the work dir of tools/train.py or tools/test.py'
        )
    path = start / 'vis_data' / 'config.py'
    if not path.is_file():
        raise InputError(f'{path}: no such file; compare work dirs that train.py or test.py wrote')
    config = Config.fromfile(path)
    model = describe_model(config, next((path.stem for path in start.parent.glob('*.py')), name))
    training = _read_training(folder, (config.get('train_cfg') or {}).get('max_epochs'))
    if not chosen:
        return Run(name, folder, model, training)
    kind, kept = chosen[0].stem, chosen[0].with_suffix('.npz')
    pictures = sorted(start.glob(f'figures/{kind.partition("_")[0]}/*.[jp][pn]g'))
    boxes = read_evaluated_boxes(kept) if kept.is_file() else None
    by_name = {path.stem: path for path in pictures}
    return Run(name, folder, model, training, kind, chosen[1], boxes, by_name)


def _starts(folder: Path) -> list[Path]:
    """Folders ``<work_dir>/<time>``, the latest last."""
    configs = folder.rglob('vis_data/config.py')
    return [path.parents[1] for path in sorted(configs, key=lambda path: path.stat().st_mtime)]


def _read_training(folder: Path, planned_epochs: int | None) -> Training | None:
    """All parts of a training; what a resumed part did over is left out of the part before."""
    rows: list[Mapping[str, Any]] = []
    for path in sorted(folder.rglob('vis_data/scalars.json')):
        if path.stat().st_size:
            part = read_scalars(path)
            first = next((row for row in part if 'loss' in row), None)
            if first:  # the step of a validation counts epochs, where there are any
                units = ['step' if 'loss' in row else 'epoch' for row in rows]
                least = [first.get(unit, first['step']) for unit in units]
                rows = [row for row, end in zip(rows, least, strict=True) if row['step'] < end]
            rows += part
        else:
            MMLogger.get_current_instance().warning(f'{path}: is empty; the run broke off')
    trained = [row for row in rows if 'loss' in row]
    if not trained:
        return None
    steps = [row['step'] for row in trained]
    seconds = float(np.diff(steps, prepend=0) @ [row.get('time', 0.0) for row in trained])
    epochs = max((row['epoch'] for row in trained if 'epoch' in row), default=None)
    return Training(rows, epochs, None if epochs is None else planned_epochs, steps[-1], seconds)
