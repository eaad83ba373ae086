"""What runs wrote into their work dirs, and how it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...boxes import Boxes, check_labels
from ...errors import InputError
from ...evaluation.cost import Cost, read_cost
from ...evaluation.detections import EvaluatedBoxes, read_evaluated_boxes
from ...evaluation.record import Record, read_record
from .frameworks import Training, find_starts, name_configs, read_start
from .model import Model


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
        seeds: The trainings of a run with several seeds, of which ``record`` has the means.
        cost: What predictions cost, if ``benchmark_detectors.py`` measured it.
    """

    name: str
    folder: Path
    model: Model
    training: Training | None
    evaluation: str | None = None
    record: Record | None = None
    boxes: EvaluatedBoxes | None = None
    pictures: Mapping[str, Path] = field(default_factory=dict)
    seeds: tuple['Run', ...] = ()
    cost: Cost | None = None


def evaluated(runs: Sequence[Run]) -> dict[str, Record]:
    """Name of each run that was evaluated -> its record; others are compared with the first."""
    return {run.name: run.record for run in runs if run.record}


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Reads runs, so that they can be compared.

    Folders are work dirs of MMDetection, or that of one start of a run, ``<work_dir>/<time>``, or
    output folders of Detectron2. Each run is taken
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
    configs = {name for start in find_starts(folder) for name in name_configs(start)}
    if len(configs) > 1:
        names = ', '.join(sorted(configs))
        raise InputError(f'{folder}: holds runs of several configs ({names}); give their work dirs')
    found: dict[str, list[tuple[Path, Record]]] = {'test': [], 'val': []}
    for path in folder.rglob('evaluations/*.json'):
        found['test' if path.stem == 'test' else 'val'].append((path, read_record(path)))
    return {kind: max(some, key=_rank) for kind, some in found.items() if some}


def _rank(evaluation: tuple[Path, Record]) -> tuple[float, str, str]:
    """Sort key: the latest test comes last, and the validation with the highest mAP."""
    path, record = evaluation
    mean_ap = 0.0 if path.stem == 'test' else record.main_metrics.coco['mAP']
    return mean_ap, record.run.time if record.run else '', str(path)


def _read_run(name: str, folder: Path, chosen: tuple[Path, Record] | None) -> Run:
    start = chosen[0].parents[1] if chosen else next(iter(find_starts(folder)[::-1]), None)
    if start is None:
        raise InputError(
            f'{folder}: no run in here; give the work dir of tools/train.py, tools/test.py or '
            'tools/d2_train.py'
        )
    model, training = read_start(start, folder, name)
    if not chosen:
        return Run(name, folder, model, training, cost=read_cost(folder))
    kind, kept = chosen[0].stem, chosen[0].with_suffix('.npz')
    pictures = sorted(start.glob(f'figures/{kind.partition("_")[0]}/*.[jp][pn]g'))
    boxes = read_evaluated_boxes(kept) if kept.is_file() else None
    for some in (boxes.truth, boxes.detections) if boxes else ():
        check_labels(str(kept), some.label, len(chosen[1].classes))
    by_name = {path.stem: path for path in pictures}
    cost = read_cost(folder)
    return Run(name, folder, model, training, kind, chosen[1], boxes, by_name, cost=cost)


def align_detections(
    boxes: EvaluatedBoxes, first: EvaluatedBoxes, name: str, first_name: str
) -> Boxes:
    """Detections with the ids that the images have in the first run, by the names of the files.

    A photograph that ``prepare_taco.py --max-side`` made a JPEG of is called ``a.png.jpg``.
    """
    ids = {file: image for image, file in first.images.items()}
    new = {}
    for image, file in boxes.images.items():
        names = (file, f'{file}.jpg', file.removesuffix('.jpg'))
        new[image] = next((known for known in names if known in ids), file)
    if other := sorted(set(ids) ^ set(new.values())):
        of = f'images than those of {first_name}, such as {other[0]}'
        raise InputError(f'{name}: its boxes are of other {of}; test both again')
    numbers = [ids[new[image]] for image in boxes.detections.image.tolist()]
    return replace(boxes.detections, image=np.array(numbers, dtype=int))
