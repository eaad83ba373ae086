"""The annotation files that are explored, and what they and their classes are called."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import numpy as np

from ...boxes import Boxes
from ...coco import Change, Coco, clean_annotations, fit_categories, read_coco, restore_originals
from ...command_line import stage
from ...errors import InputError
from ...taxonomies import Taxonomy

_MOST_FILES = 6  # as many as there are colours that everybody can tell apart
_LONGEST, _LONGEST_LABEL = 32, 24


@dataclass(frozen=True, eq=False)
class Source:
    """One annotation file; all sizes are those of the photographs before any scaling.

    Args:
        label: What it is called in figures and tables.
        file: Its name.
        as_read: The file as it is.
        coco: Cleaned, and with the classes of the taxonomy if there is one.
        changes: What cleaning changed.
        outside_taxonomy: Number of boxes of categories that the taxonomy drops.
        classes: Names of the K categories of ``coco``.
        image_sizes: Width and height of the M images, float64, shape (M, 2).
        boxes: The N boxes of ``coco``, labelled by the positions of their categories.
        rows: Position of the image of each box, int64, shape (N,).
        areas: Of the objects in square pixels, as annotated, shape (N,).
        sides: Width and height of each box in pixels, above 0, shape (N, 2).
    """

    label: str
    file: str
    as_read: Coco
    coco: Coco
    changes: list[Change]
    outside_taxonomy: int
    classes: list[str]
    image_sizes: np.ndarray
    boxes: Boxes
    rows: np.ndarray
    areas: np.ndarray
    sides: np.ndarray

    @property
    def boxes_of_image(self) -> np.ndarray:
        """Number of boxes of each image, shape (M,)."""
        return np.bincount(self.rows, minlength=len(self.image_sizes))

    @property
    def relative_sides(self) -> np.ndarray:
        """Width and height as shares of the image's, shape (N, 2)."""
        return self.sides / self.image_sizes[self.rows]

    @property
    def log_aspect(self) -> np.ndarray:
        """Binary logarithm of width / height, in [-1000, 1000], shape (N,)."""
        return np.subtract(*np.log2(self.sides).T).clip(-1000, 1000)


def read_sources(paths: Sequence[str], taxonomy: Taxonomy | None) -> list[Source]:
    """Reads and cleans up to six files; maps categories to a taxonomy, if there is one.

    Raises:
        InputError: If a file cannot be used or is given twice, has no image, or its categories do
            not fit the taxonomy; names the file.
    """
    if len(paths) > _MOST_FILES:
        raise InputError(f'{len(paths)} annotation files: give at most {_MOST_FILES}')
    pairs = zip(label_files(paths), map(Path, paths), strict=True)
    return [_read(label, path, taxonomy) for label, path in pairs]


def _read(label: str, path: Path, taxonomy: Taxonomy | None) -> Source:
    with stage(f'reading {path.name}'):
        as_read = read_coco(path)
        if not as_read['images']:
            raise InputError(f'{path}: has no images')
        try:
            clean, changes = clean_annotations(restore_originals(as_read))
            coco = fit_categories(clean, taxonomy) if taxonomy else clean
        except InputError as error:
            raise InputError(f'{path}: {error}') from None
        rows = {image['id']: row for row, image in enumerate(coco['images'])}
        labels = {category['id']: label for label, category in enumerate(coco['categories'])}
        boxes = Boxes.from_coco(coco, labels)
        sides = boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]
        return Source(
            label=label,
            file=path.name,
            as_read=as_read,
            coco=coco,
            changes=changes,
            outside_taxonomy=len(clean['annotations']) - len(coco['annotations']),
            classes=[category['name'] for category in coco['categories']],
            image_sizes=np.array([(i['width'], i['height']) for i in coco['images']], np.float64),
            boxes=boxes,
            rows=np.array([rows[image] for image in boxes.image.tolist()], dtype=np.int64),
            areas=np.array([box['area'] for box in coco['annotations']], dtype=np.float64),
            # Rounding leaves nothing of a tiny box that is far off.
            sides=sides.clip(np.finfo(float).tiny),
        )


def printable(name: str, longest: int = _LONGEST) -> str:
    r"""A name for terminals and figures: one line, not too long, unprintable characters escaped.

    >>> printable('Can\n\x1b[31m')
    'Can\\n\\x1b[31m'
    """
    shown = ''.join(
        character if character.isprintable() else character.encode('unicode_escape').decode()
        for character in name[:longest]
    )
    return shown if max(len(shown), len(name)) <= longest else f'{shown[: longest - 1]}…'


def _make_distinct(names: Sequence[str], form: str) -> list[str]:
    """Numbers those that occur before."""
    distinct: list[str] = []
    for name in names:
        numbered = chain([name], (form.format(name, number) for number in count(2)))
        distinct.append(next(new for new in numbered if new not in distinct))
    return distinct


def label_files(paths: Sequence[str]) -> list[str]:
    """A short name for each file: its own without suffix, after as many folders as tell it apart.

    Raises:
        InputError: If a file is given twice.

    >>> label_files(['a/annotations/train.json', 'a/annotations/val.json'])
    ['train', 'val']
    >>> label_files(['a/test.json', 'b/test.json'])
    ['a/test', 'b/test']
    """
    resolved = [Path(path).resolve() for path in paths]
    for path, place in zip(paths, resolved, strict=True):
        if resolved.count(place) > 1:
            raise InputError(f'{path}: given twice')
    parts = [place.with_suffix('').parts for place in resolved]
    depth = 1
    while depth < max(map(len, parts)) and len({p[-depth:] for p in parts}) < len({*parts}):
        depth += 1
    short = [printable('/'.join(p[-depth:]), _LONGEST_LABEL) for p in parts]
    return _make_distinct(short, '{} ({})')


def file_parts(labels: Sequence[str]) -> list[str]:
    """Parts of file names for labels, different even where case is ignored.

    >>> file_parts(['a/test', 'a_test', 'Train'])
    ['a_test', 'a_test_2', 'train']
    """
    safe = [re.sub(r'[^A-Za-z0-9-]+', '_', label).lower() for label in labels]
    return _make_distinct(safe, '{}_{}')
