"""Draws what an exploration has found."""

import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from ...coco import ImageProblem
from ...images import Size
from ...taxonomies.palette import palette
from ...visualization.bars import plot_class_distribution, plot_size_buckets
from ...visualization.matrices import plot_cooccurrence
from ...visualization.photo import Frame, Panel, Photo, draw_tile, join_tiles, read_photo
from .distributions import (
    plot_aspect_ratios,
    plot_box_sizes,
    plot_boxes_per_image,
    plot_image_sizes,
)
from .report import Report
from .source import Source, file_parts, printable

_MOST_PAIRS = 24
_MOST_BOXES = 50  # of a sample; more could not be told apart
_SAMPLE_SIDE, _PAIR_SIDE = 480, 240
_LONGEST_PATH = 60

Draw = Callable[[], Figure | np.ndarray]
Problems = Sequence[Sequence[ImageProblem]]


def _read(folder: str, name: str, size: Size | None = None, *, side: int) -> Photo:
    """Reads a photograph, which is called by the end of its name: that tells it apart."""
    shown = printable(name[-_LONGEST_PATH:], _LONGEST_PATH)
    return read_photo(Path(folder, name), shown, size, side=side)


def _name_files(stem: str, sources: Sequence[Source], suffix: str) -> list[str]:
    """Name of a picture of each file."""
    if len(sources) == 1:
        return [f'{stem}.{suffix}']
    return [f'{stem}_{part}.{suffix}' for part in file_parts([source.label for source in sources])]


def list_figures(sources: Sequence[Source], report: Report) -> dict[str, Draw]:
    """What draws each figure, by the name of its file; those that would be empty are left out."""
    labels, files = [source.label for source in sources], report['files']
    sizes = [source.image_sizes for source in sources]
    figures: dict[str, Draw] = {'image_sizes.png': partial(plot_image_sizes, sizes, labels)}
    if not any(len(source.boxes) for source in sources):
        return figures
    counts = [source.boxes_of_image for source in sources]
    ratios = [source.log_aspect for source in sources]
    sides = [source.sides for source in sources], [source.relative_sides for source in sources]
    figures |= {
        'classes.png': partial(_draw_classes, files),
        'boxes_per_image.png': partial(plot_boxes_per_image, counts, labels),
        'box_sizes.png': partial(plot_box_sizes, *sides, labels),
        'aspect_ratios.png': partial(plot_aspect_ratios, ratios, labels),
        'size_buckets.png': partial(_draw_buckets, files, report['settings']['input_size']),
    }
    for entry, name in zip(files, _name_files('cooccurrence', sources, 'png'), strict=True):
        images = np.array(entry['cooccurrence']['images'])
        if images.any():
            classes = list(map(printable, entry['cooccurrence']['classes']))
            figures[name] = partial(plot_cooccurrence, images, classes, entry['label'])
    return figures


def _draw_classes(files: Sequence[Report]) -> Figure:
    tables = [{row['name']: row for row in entry['classes']} for entry in files]
    names = list(dict.fromkeys(name for table in tables for name in table))
    boxes, weights = (
        np.array([[table.get(name, {}).get(key, np.nan) for name in names] for table in tables])
        for key in ('boxes', 'weight')
    )
    labels = [entry['label'] for entry in files]
    return plot_class_distribution(boxes, weights, list(map(printable, names)), labels)


def _draw_buckets(files: Sequence[Report], input_size: Sequence[int]) -> Figure:
    at_input = 'x'.join(map(str, input_size))
    rows = {
        f'{entry["label"]}, {name}': entry['box_sizes']['buckets'][key]
        for entry in files
        for key, name in (('native', 'native'), ('input', f'at {at_input}'))
    }
    note = (
        "COCO's sizes by the annotated area: small below 32² px, large from 96² px on; as "
        f'photographed, and after resizing to at most {at_input} px with the ratio kept.'
    )
    return plot_size_buckets(rows, note)


def list_samples(
    sources: Sequence[Source], problems: Problems, folder: str, *, count: int, seed: int
) -> dict[str, Draw]:
    """What draws ``count`` images of each file with their boxes, if it has a usable photograph."""
    pictures: dict[str, Draw] = {}
    names = _name_files('samples', sources, 'jpg')
    for source, of_source, name in zip(sources, problems, names, strict=True):
        unusable = {problem.image_id for problem in of_source}
        images = source.coco['images']
        rows = [row for row, image in enumerate(images) if image['id'] not in unusable]
        if rows and count:
            chosen = sorted(random.Random(seed).sample(rows, min(count, len(rows))))
            pictures[name] = partial(_draw_samples, source, chosen, folder)
    return pictures


def _draw_samples(source: Source, rows: Sequence[int], folder: str) -> np.ndarray:
    """Images with their boxes, the largest of many, about as many in a row as there are rows."""
    colors = palette(len(source.classes))
    files = {image['id']: image['file_name'] for image in source.as_read['images']}
    tiles = []
    for row in tqdm(rows, f'drawing samples of {source.label}', delay=2, leave=False):
        image = source.coco['images'][row]
        size = image['width'], image['height']
        photo = _read(folder, files[image['id']], size, side=_SAMPLE_SIDE)
        here = source.rows == row
        boxes = source.boxes[here]
        largest = boxes[np.argsort(-source.sides[here].prod(axis=1), kind='stable')[:_MOST_BOXES]]
        frames = [
            Frame(box, colors[label], printable(source.classes[label]))
            for box, label in zip(largest.xyxy, largest.label, strict=True)
        ]
        title = f'{photo.name}: {len(boxes)} box' + 'es' * (len(boxes) != 1)
        title += f', the largest {len(largest)} drawn' if len(largest) < len(boxes) else ''
        tiles.append(draw_tile(Panel(photo, title, frames), _SAMPLE_SIDE))
    return join_tiles(tiles, math.ceil(math.sqrt(len(tiles))))


def draw_pairs(duplicates: Report, folder: str) -> np.ndarray:
    """The first 24 of near-duplicate pairs, with the files that name them."""
    counts, pairs = duplicates['counts'], duplicates['pairs'][:_MOST_PAIRS]
    total = counts['across_files'] + counts['within_files']
    heading = f'{total} near-duplicate pair{"s" * (total != 1)}'
    heading += f', the first {len(pairs)}' if len(pairs) < total else ''
    tiles = []
    for pair in tqdm(pairs, 'drawing pairs', delay=2, leave=False):
        what = f'{pair["distance"]} of {duplicates["bits"]} bits differ'
        what = 'same bytes' if pair['exact'] else what
        both = []
        for entry, note in zip(pair['photographs'], (f'; {what}', ''), strict=True):
            photo = _read(folder, entry['name'], side=_PAIR_SIDE)
            title = f'{photo.name}\n{"+".join(entry["files"])}{note}'
            both.append(draw_tile(Panel(photo, title), _PAIR_SIDE, lines=3))
        tiles.append(join_tiles(both, 2))
    return join_tiles(tiles, 3, gap=14, heading=heading)
