"""Compares runs: puts those together that can be ranked, draws them, and writes the page."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image
from tqdm import tqdm

from ...errors import InputError
from ...evaluation.detection_errors import choose_images
from ...files import write_files
from ...visualization import plot_training
from .compared_curves import plot_compared_curves, plot_compared_training
from .compared_scores import (
    LATENCY,
    SIZE,
    plot_compared_classes,
    plot_scores_over,
)
from .export import to_csv, to_markdown
from .page import Picture, Section, embed, make_page
from .read_runs import Run, align_detections, evaluated
from .seeds import certainty_table, differences, published_table, read_named_runs, read_published
from .side_by_side import side_by_side
from .tables import defined
from .text import show_place

_USUAL_THRESHOLD = 0.25
"""Confidence from which boxes are drawn, where there is no best F1."""


def write_comparison(
    work_dirs: Sequence[str | Path],
    out: str | Path,
    *,
    title: str,
    images: int,
    photographs: str | None,
    published: str | None = None,
) -> Path:
    """Compares runs and writes ``comparison.html``, ``.csv`` and ``.md``, all of them or none.

    The arguments are those of ``tools/analysis_tools/compare_runs.py``; returns the page's path.

    Raises:
        InputError: If a run cannot be read, kept boxes of other images than it was scored on, or
            a file cannot be written.
    """
    if photographs is not None and not Path(photographs).is_dir():
        raise InputError(f'{photographs}: no such folder of photographs')
    known = read_published(published) if published else []
    groups = group_runs(read_named_runs(work_dirs))
    sections = [
        Section(
            runs,
            list(draw_plots(runs)),
            list(draw_images(runs, images, photographs)),
            [certainty_table(runs, differences(runs)), published_table(runs, known)],
        )
        for runs in tqdm(groups, desc='drawing', disable=None)
    ]
    page = make_page(title, sections, datetime.now())
    tables = {'comparison.csv': to_csv(groups), 'comparison.md': to_markdown(sections)}
    write_files(out, {'comparison.html': page, **tables})
    return Path(out, 'comparison.html')


def group_runs(runs: Sequence[Run]) -> list[list[Run]]:
    """Groups of runs that were scored on the same boxes, classes and thresholds, in their order.

    Runs without an evaluation join the only group, or are a last one of their own.
    """
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        record = run.record
        key = record and (record.ground_truth, record.classes, record.settings)
        groups.setdefault(key, []).append(run)
    waiting = groups.pop(None, [])
    if len(groups) == 1:
        return [list(runs)]
    return [*groups.values(), *([waiting] if waiting else [])]


def draw_plots(runs: Sequence[Run]) -> Iterator[Picture]:
    """Plots of all the runs of a group together, as far as there is something to see."""
    scored = evaluated(runs)
    if len(scored) > 1:
        ap50 = {name: defined(one.main_metrics.coco['mAP_50']) for name, one in scored.items()}
        points = {run.name: (run.model.parameters, ap50.get(run.name)) for run in runs}
        if any(size for size, _ in points.values()):
            caption = 'Better is up, smaller is left.'
            yield _picture(plot_scores_over(SIZE, points), 'Score by size', caption)
        place, latencies = comparable_latencies(runs)
        if latencies:
            times = {run.name: (latencies.get(run.name), ap50.get(run.name)) for run in runs}
            caption = f'Better is up, faster is left. {place}'
            yield _picture(plot_scores_over(LATENCY, times), 'Score by latency', caption)
        curves = {run.name: run.record.curves if run.record else None for run in runs}
        if any(curves.values()):
            caption = 'Means over the classes at IoU 0.50, with the best F1 of each run marked.'
            yield _picture(plot_compared_curves(curves), 'Curves', caption)
    logs = {run.name: run.training.rows if run.training else () for run in runs}
    if any(logs.values()):
        alone = logs[runs[0].name] if len(runs) == 1 else None
        yield _picture(plot_training(alone) if alone else plot_compared_training(logs), 'Training')
    if scored:
        first = next(iter(scored.values()))
        nothing: list[float | None] = [None] * len(first.classes)
        of_classes = {run.name: nothing for run in runs}
        for name, one in scored.items():
            of_classes[name] = list(map(defined, one.main_metrics.per_class.AP50))
        figure = plot_compared_classes(of_classes, first.classes, first.boxes.truth_per_class)
        yield _picture(figure, 'Classes', 'From the most to the least true boxes.')


def comparable_latencies(runs: Sequence[Run]) -> tuple[str, dict[str, float]]:
    """Latencies that were measured where that of the first run was, and where; others differ."""
    known = {run.name: run.cost for run in runs if run.cost}
    places = {name: show_place(cost.conditions) for name, cost in known.items()}
    first = next(iter(places.values()), '')
    same = {name: cost.latency.p50 for name, cost in known.items() if places[name] == first}
    return f'One image at a time on {first}.', same


def draw_images(runs: Sequence[Run], count: int, folder: str | None) -> Iterator[Picture]:
    """Draws up to ``count`` images on which the runs of a group differ most, as each run sees them.

    None are drawn of a single run, which drew its own. Photographs are in ``folder``, else where
    the first run had them.

    Raises:
        InputError: If the runs kept boxes of other images than they were scored on.
    """
    kept = {run.name: run.boxes for run in runs if run.boxes}
    if len(runs) < 2 or not kept:
        return
    records = [evaluated(runs)[name] for name in kept]
    thresholds = [of.curves.best_threshold if of.curves else _USUAL_THRESHOLD for of in records]
    name, first = next(iter(kept.items()))
    classes, truth = records[0].classes, first.truth
    detections = [align_detections(boxes, first, other, name) for other, boxes in kept.items()]
    for image in choose_images(truth, detections, thresholds, count=count):
        chosen = {
            run: (some[(some.image == image) & (some.score >= threshold)], threshold)
            for run, some, threshold in zip(kept, detections, thresholds, strict=True)
        }
        path, true = Path(folder or first.folder, first.images[image]), truth[truth.image == image]
        picture = side_by_side(path, first.sizes[image], true, runs=chosen, classes=classes)
        Image.fromarray(picture).save(file := BytesIO(), 'JPEG', quality=85)
        yield embed(file.getvalue(), first.images[image])


def _picture(figure: Figure, title: str, caption: str = '') -> Picture:
    figure.savefig(file := BytesIO(), format='png', dpi=figure.dpi)
    return embed(file.getvalue(), title, caption)
