"""Reads what runs wrote into their work dirs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from tqdm import tqdm

from ...errors import InputError
from ...evaluation.detections import Detections, read_detections
from ...evaluation.record import Record, read_record
from ...visualization import read_scalars
from .model import describe_model
from .run import Evaluation, Run, Training

PREFERENCES = ('test', 'val')


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Reads runs, so that they can be compared.

    Each is taken at its latest test; if not all were tested, but all were validated, each at its
    validation of the highest mAP. One that was never evaluated, as after a crash, is read as well.
    The configs that lie in the folders are run, as by MMDetection's own tools.

    Args:
        folders: Work dirs, or the folder of one start of a run, ``<work_dir>/<time>``.

    Raises:
        InputError: If a folder is given twice, holds no run or several, or holds files that
            cannot be read.
    """
    paths = [Path(folder).resolve() for folder in folders]
    twice = sorted({str(path) for path in paths if paths.count(path) > 1})
    if twice:
        raise InputError(f'{twice[0]}: given twice')
    evaluations = [_find_evaluations(path) for path in paths]
    names = name_runs(paths)
    common = [kind for kind in PREFERENCES if all(kind in of_run for of_run in evaluations)]
    runs = []
    bar = tqdm(names, desc='reading', disable=None)
    for name, path, of_run in zip(bar, paths, evaluations, strict=True):
        kinds = common or [kind for kind in PREFERENCES if kind in of_run]
        runs.append(_read_run(name, path, of_run[kinds[0]] if kinds else None))
    return runs


def name_runs(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that differ.

    >>> name_runs([Path('/a/detr'), Path('/a/yolox')])
    ['detr', 'yolox']
    >>> name_runs([Path('/a/detr'), Path('/b/detr')])
    ['a/detr', 'b/detr']
    """
    length = 1
    while True:
        names = ['/'.join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
        length += 1


def _find_evaluations(folder: Path) -> dict[str, tuple[Path, Record]]:
    """The evaluation to take of each kind."""
    if not folder.is_dir():
        raise InputError(f'{folder}: no such folder')
    configs = {path.stem for start in _starts(folder) for path in start.parent.glob('*.py')}
    if len(configs) > 1:
        names = ', '.join(sorted(configs))
        raise InputError(f'{folder}: holds runs of several configs ({names}); give their work dirs')
    found: dict[str, list[tuple[Path, Record]]] = {}
    for path in folder.rglob('evaluations/*.json'):
        record = read_record(path)
        kind = 'test' if path.stem == 'test' else 'val'
        found.setdefault(kind, []).append((path, record))
    best = {}
    if 'test' in found:
        best['test'] = max(found['test'], key=lambda one: (_time(one[1]), str(one[0])))
    if 'val' in found:
        best['val'] = max(found['val'], key=lambda one: (_score(one[1]), _time(one[1])))
    return best


def _time(record: Record) -> str:
    return (record['run'] or {}).get('time', '')


def _score(record: Record) -> float:
    figures = record['figures']
    return figures.get('bbox', next(iter(figures.values())))['coco']['mAP']


def _read_run(name: str, folder: Path, chosen: tuple[Path, Record] | None) -> Run:
    training = _read_training(folder)
    start = chosen[0].parent.parent if chosen else _latest_start(folder)
    path = start / 'vis_data' / 'config.py'
    if not path.is_file():
        raise InputError(f'{path}: no such file; compare work dirs that train.py or test.py wrote')
    config = Config.fromfile(path)
    names = [path.stem for path in start.parent.glob('*.py')]
    model = describe_model(config, names[0] if names else name)
    if training and training.epochs is not None:
        planned = (config.get('train_cfg') or {}).get('max_epochs')
        training = replace(training, planned_epochs=planned)
    return Run(name, folder, model, training, _read_evaluation(*chosen) if chosen else None)


def _latest_start(folder: Path) -> Path:
    starts = _starts(folder)
    if not starts:
        raise InputError(
            f'{folder}: no run in here; give the work dir of tools/train.py or tools/test.py'
        )
    return starts[-1]


def _starts(folder: Path) -> list[Path]:
    """Folders ``<work_dir>/<time>``, the latest last."""
    configs = folder.rglob('vis_data/config.py')
    return [path.parents[1] for path in sorted(configs, key=lambda path: path.stat().st_mtime)]


def _read_evaluation(path: Path, record: Record) -> Evaluation:
    kept = path.with_suffix('.npz')
    detections = read_detections(kept) if kept.is_file() else None
    if detections:
        _check_detections(kept, detections, record)
    kind = path.stem.partition('_')[0]
    pictures = sorted((path.parent.parent / 'figures' / kind).glob('*.[jp][pn]g'))
    return Evaluation(path.stem, record, detections, {file.stem: file for file in pictures})


def _check_detections(path: Path, detections: Detections, record: Record) -> None:
    """Refuses boxes of another evaluation."""
    boxes = record['boxes']
    expected = record['images'], boxes['truth'] + boxes['crowds'], boxes['found']
    kept = len(detections.images), len(detections.truth), len(detections.found)
    if kept != expected:
        raise InputError(
            f'{path}: has {kept[0]} images, {kept[1]} true boxes and {kept[2]} detections, but '
            f'{path.stem}.json beside it {expected[0]}, {expected[1]} and {expected[2]}; test again'
        )


def _read_training(folder: Path) -> Training | None:
    """All parts of a training; what a resumed part did over is left out of the part before."""
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.rglob('vis_data/scalars.json')):
        if path.stat().st_size:
            part = read_scalars(path)
            rows = _before(rows, part) + part
        else:
            MMLogger.get_current_instance().warning(f'{path}: is empty; the run broke off')
    trained = [row for row in rows if 'loss' in row]
    if not trained:
        return None
    seconds, step = 0.0, 0
    for row in trained:
        seconds += (row['step'] - step) * row.get('time', 0.0)
        step = row['step']
    epochs = max((row['epoch'] for row in trained if 'epoch' in row), default=None)
    return Training(rows, epochs, None, step, seconds)


def _before(rows: list[dict[str, Any]], part: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows that precede a later part of the training."""
    first = next((row for row in part if 'loss' in row), None)
    if first is None:
        return rows
    limit = first.get('epoch', first['step'])
    return [row for row in rows if row['step'] < (first['step'] if 'loss' in row else limit)]
