"""Draws what was found."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from ...taxonomies.palette import palette
from ...visualization.class_distribution import plot_class_distribution
from ...visualization.cooccurrence import plot_cooccurrence
from ...visualization.histograms import plot_aspect_ratios, plot_boxes_per_image
from ...visualization.samples import Alike, Sample, mosaic_of_pairs, mosaic_of_samples
from ...visualization.size_buckets import plot_size_buckets
from ...visualization.size_maps import plot_box_sizes, plot_image_sizes
from .duplicates import Pairs
from .names import file_parts, printable
from .photographs import HASH_BITS, Photographs
from .source import Source, all_classes
from .statistics import bucket_sizes, count_cooccurrence

MOST_PAIRS_DRAWN = 24
_LONGEST_PATH = 60

Draw = Callable[[], Figure]


def list_figures(sources: Sequence[Source], input_size: tuple[int, int]) -> dict[str, Draw]:
    """What draws each figure, by its name; those that would be empty are left out."""
    labels = [source.label for source in sources]
    tables = [source.table for source in sources]
    figures: dict[str, Draw] = {
        'image_sizes': lambda: plot_image_sizes([table.image_sizes for table in tables], labels)
    }
    if not any(map(len, tables)):
        return figures
    figures |= {
        'classes': partial(_draw_classes, sources),
        'boxes_per_image': lambda: plot_boxes_per_image([t.of_image for t in tables], labels),
        'box_sizes': lambda: plot_box_sizes(
            [table.xywh[:, 2:] for table in tables],
            [table.relative_sides for table in tables],
            labels,
        ),
        'aspect_ratios': lambda: plot_aspect_ratios([t.log_aspect for t in tables], labels),
        'size_buckets': partial(_draw_buckets, sources, input_size),
    }
    for source, part in zip(sources, file_parts(labels), strict=True):
        classes, images = count_cooccurrence(source.table)
        if np.tril(images).any():
            names = [printable(source.table.classes[label]) for label in classes.tolist()]
            name = 'cooccurrence' if len(sources) == 1 else f'cooccurrence_{part}'
            figures[name] = partial(plot_cooccurrence, images, names, source.label)
    return figures


def _draw_classes(sources: Sequence[Source]) -> Figure:
    names = all_classes(sources)
    place = {name: number for number, name in enumerate(names)}
    boxes = np.full((len(sources), len(names)), np.nan)
    weights = np.full(boxes.shape, np.nan)
    for row, source in enumerate(sources):
        for entry in source.statistics.classes:
            column = place[entry.name]
            boxes[row, column], weights[row, column] = entry.boxes, entry.weight
    shown = [printable(name) for name in names]
    return plot_class_distribution(boxes, weights, shown, [source.label for source in sources])


def _draw_buckets(sources: Sequence[Source], input_size: tuple[int, int]) -> Figure:
    at_input = 'x'.join(map(str, input_size))
    rows = {}
    for source in sources:
        buckets = bucket_sizes(source.table, input_size)
        rows[f'{source.label}, native'] = buckets['native']
        rows[f'{source.label}, at {at_input}'] = buckets['input']
    return plot_size_buckets(
        rows,
        "COCO's sizes by the annotated area: small below 32² px, large from 96² px on; as "
        f'photographed, and after resizing to at most {at_input} px with the ratio kept.',
    )


def draw_samples(
    source: Source, photographs: Photographs, number: int, folder: Path, count: int, seed: int
) -> np.ndarray | None:
    """Images of a file, drawn at random, with their boxes; None if it has no usable photograph.

    Args:
        source: The annotation file.
        photographs: Of all files.
        number: Position of the file among them.
        folder: Of the photographs.
        count: How many images are drawn at most.
        seed: Of the choice.
    """
    unusable = {problem.image_id for problem in photographs.problems[number]}
    images = source.coco['images']
    rows = [row for row, image in enumerate(images) if image['id'] not in unusable]
    if not rows:
        return None
    chosen = sorted(random.Random(seed).sample(rows, min(count, len(rows))))
    colors = palette(len(source.table.classes))
    classes = [printable(name) for name in source.table.classes]
    samples = (_make_sample(source, row, folder) for row in chosen)
    bar = tqdm(samples, f'drawing samples of {source.label}', len(chosen), delay=2)
    return mosaic_of_samples(bar, classes, colors)


def _make_sample(source: Source, row: int, folder: Path) -> Sample:
    name = source.coco['images'][row]['file_name']
    table = source.table
    here = np.flatnonzero(table.image == row)
    boxes = table.xywh[here]
    xyxy = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    return Sample(str(folder / name), _show_path(name), xyxy, table.label[here])


def draw_pairs(
    photographs: Photographs, pairs: Pairs, labels: Sequence[str], folder: Path
) -> np.ndarray:
    """The first pairs, at most 24, with their distance and the files that name them."""
    total = pairs.counts['across_files'] + pairs.counts['within_files']
    shown = min(len(pairs), MOST_PAIRS_DRAWN)
    title = f'{total} near-duplicate pair{"s" * (total != 1)}'
    title += f', the first {shown}' if shown < total else ''
    alike = []
    for (first, second), distance, exact in zip(
        pairs.rows[:shown].tolist(), pairs.distance.tolist(), pairs.exact.tolist(), strict=False
    ):
        names = photographs.names[first], photographs.names[second]
        what = 'same bytes' if exact else f'{distance} of {HASH_BITS} bits differ'
        files = [_name_files(photographs.files[row], labels) for row in (first, second)]
        where = f'both in {files[0]}' if files[0] == files[1] else ' and '.join(files)
        caption = what if len(labels) == 1 else f'{what}; {where}'
        paths = str(folder / names[0]), str(folder / names[1])
        alike.append(Alike(paths, (_show_path(names[0]), _show_path(names[1])), caption))
    return mosaic_of_pairs(tqdm(alike, 'drawing pairs', delay=2), title)


def _name_files(named: np.ndarray, labels: Sequence[str]) -> str:
    return '+'.join(label for label, there in zip(labels, named, strict=True) if there)


def _show_path(name: str) -> str:
    """Its end, which tells photographs apart; tiles cut off the beginning as well."""
    return printable(name[-_LONGEST_PATH:], _LONGEST_PATH)
