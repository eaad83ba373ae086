"""Puts runs that can be ranked together, and draws each group."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ...boxes import Boxes
from ...errors import InputError
from ...evaluation.detections import Detections
from ...evaluation.disagreement import choose_images
from ...evaluation.record import Record
from ...taxonomies.palette import palette
from ...visualization import plot_training
from ...visualization.comparison import (
    plot_compared_classes,
    plot_compared_curves,
    plot_compared_training,
)
from ...visualization.score_by_size import plot_score_by_size
from ...visualization.side_by_side import side_by_side
from .page import Picture, Section
from .run import Run
from .tables import evaluated

_JPEG_QUALITY = 85
_USUAL_THRESHOLD = 0.25
"""Confidence from which boxes are drawn, where there is no best F1."""


def group_runs(runs: Sequence[Run]) -> list[list[Run]]:
    """Groups of runs that were scored on the same boxes, classes and thresholds of IoU.

    Groups, and runs in them, are in the order given. Runs without an evaluation join the only
    group, or are a last one of their own.
    """
    groups: dict[Any, list[Run]] = {}
    waiting = []
    for run in runs:
        if run.evaluation is None:
            waiting.append(run)
            continue
        record = run.evaluation.record
        key = record['ground_truth'], tuple(record['classes']), repr(record['settings'])
        groups.setdefault(key, []).append(run)
    grouped = list(groups.values())
    if len(grouped) == 1:
        known = {id(run) for run in (*grouped[0], *waiting)}
        return [[run for run in runs if id(run) in known]]
    return [*grouped, waiting] if waiting else grouped


def make_section(runs: Sequence[Run], images: int, folder: str | None = None) -> Section:
    """Draws a group of runs.

    Args:
        runs: As :func:`group_runs` puts them together.
        images: How many images are shown under each run, at most.
        folder: Of the photographs; by default where they were when each run was tested.

    Raises:
        InputError: If the runs kept boxes of other images than they were scored on.
    """
    figures = list(_draw_figures(runs))
    return Section(runs, figures, list(_draw_images(runs, images, folder)))


def _draw_figures(runs: Sequence[Run]) -> Iterator[Picture]:
    """Figures of all the runs together, as far as there is something to see."""
    names = [run.name for run in runs]
    known = evaluated(runs)
    if len(known) > 1:
        scores = [_figure(run, 'coco', 'mAP_50') for run in runs]
        parameters = [run.model.parameters for run in runs]
        if any(parameters):
            figure = plot_score_by_size(names, parameters, scores)
            yield _picture('Score by size', 'Better is up, smaller is left.', figure)
        curves = [run.evaluation.record['curves'] if run.evaluation else None for run in runs]
        if any(curves):
            caption = 'Means over the classes at IoU 0.50, with the best F1 of each run marked.'
            yield _picture('Curves', caption, plot_compared_curves(names, curves))
    rows = [run.training.rows if run.training else None for run in runs]
    if any(rows):
        many = len(runs) > 1
        figure = plot_compared_training(names, rows) if many else plot_training(rows[0] or ())
        yield _picture('Training', '', figure)
    if known:
        record = known[0][1].record
        nothing = [np.nan] * len(record['classes'])
        per_class = np.array([_figure(run, 'per_class', 'AP50') or nothing for run in runs])
        boxes = np.array(record['boxes']['truth_per_class'])
        figure = plot_compared_classes(names, record['classes'], per_class, boxes)
        yield _picture('Classes', 'From the most to the least true boxes.', figure)


def _figure(run: Run, kind: str, name: str) -> Any:  # noqa: ANN401
    """A figure of boxes, or of masks where only they were scored."""
    if run.evaluation is None:
        return None
    figures = run.evaluation.record['figures']
    return figures.get('bbox', next(iter(figures.values())))[kind][name]


def _draw_images(runs: Sequence[Run], count: int, folder: str | None) -> Iterator[Picture]:
    """The images on which the runs differ most, under each of them; one run drew its own."""
    kept = [
        (run.name, evaluation.record, evaluation.detections)
        for run, evaluation in evaluated(runs)
        if evaluation.detections
    ]
    if len(runs) < 2 or not kept:
        return
    names, records, detections = map(list, zip(*kept, strict=True))
    detections = _align(names, detections)
    thresholds = [_threshold(record) for record in records]
    truth = detections[0].truth
    founds = [
        one.found[one.found.score >= threshold]
        for one, threshold in zip(detections, thresholds, strict=True)
    ]
    classes = records[0]['classes']
    for image in choose_images(truth, [one.found for one in detections], thresholds, count):
        name = detections[0].images[image]
        picture = side_by_side(
            Path(folder or detections[0].folder, name),
            truth[truth.image == image],
            [found[found.image == image] for found in founds],
            *(names, thresholds, classes, palette(len(classes))),
        )
        file = BytesIO()
        Image.fromarray(picture).save(file, 'JPEG', quality=_JPEG_QUALITY)
        yield Picture(name, '', file.getvalue())


def _threshold(record: Record) -> float:
    curves = record['curves']
    return curves['best_threshold'] if curves else _USUAL_THRESHOLD


def _align(runs: Sequence[str], kept: Sequence[Detections]) -> list[Detections]:
    """Detections with the ids that the images have in the first run, by the names of the files."""
    first = kept[0]
    ids = {name: image for image, name in first.images.items()}
    aligned = []
    for run, one in zip(runs, kept, strict=True):
        other = sorted(set(ids) ^ set(one.images.values()))
        if other:
            raise InputError(
                f'{run}: its boxes are of other images than those of {runs[0]}, such as '
                f'{other[0]}; test both again'
            )
        renamed = {image: ids[name] for image, name in one.images.items()}
        truth, found = (_rename(boxes, renamed) for boxes in (one.truth, one.found))
        aligned.append(Detections(one.folder, first.images, truth, found))
    return aligned


def _rename(boxes: Boxes, ids: dict[int, int]) -> Boxes:
    image = np.array([ids[number] for number in boxes.image.tolist()], dtype=np.int64)
    return replace(boxes, image=image)


def _picture(title: str, caption: str, figure: Figure) -> Picture:
    file = BytesIO()
    figure.savefig(file, format='png', dpi=figure.dpi)
    return Picture(title, caption, file.getvalue())
