"""Reads the annotation files that are to be explored."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...coco import (
    Change,
    Coco,
    CocoStatistics,
    class_statistics,
    clean_annotations,
    fit_categories,
    read_coco,
)
from ...command_line import stage
from ...errors import InputError
from ...taxonomies import Taxonomy
from .names import label_files
from .table import BoxTable, tabulate

MOST_FILES = 6
"""As many as there are colours that everybody can tell apart."""


@dataclass(frozen=True, eq=False)
class Source:
    """One annotation file.

    Args:
        label: What it is called in figures and tables.
        path: As it was given.
        found: Annotations in the file as it is.
        coco: Cleaned, and with the classes of the taxonomy if there is one.
        changes: What cleaning changed.
        outside_taxonomy: Boxes of categories that the taxonomy drops.
        table: The boxes of ``coco``.
        statistics: Of ``coco``.
    """

    label: str
    path: str
    found: int
    coco: Coco
    changes: list[Change]
    outside_taxonomy: int
    table: BoxTable
    statistics: CocoStatistics


def read_sources(paths: Sequence[str], taxonomy: Taxonomy | None) -> list[Source]:
    """Reads and cleans the files; one that takes long is named on stderr.

    Args:
        paths: Up to six COCO files.
        taxonomy: What to map categories to; None to leave them as they are.

    Raises:
        InputError: If a file cannot be used or is given twice, has no image, or its categories do
            not fit the taxonomy; names the file.
    """
    if len(paths) > MOST_FILES:
        raise InputError(f'{len(paths)} annotation files: give at most {MOST_FILES}')
    pairs = zip(label_files(paths), paths, strict=True)
    return [_read(label, path, taxonomy) for label, path in pairs]


def _read(label: str, path: str, taxonomy: Taxonomy | None) -> Source:
    with stage(f'reading {Path(path).name}'):
        found = read_coco(path)
        if not found['images']:
            raise InputError(f'{path}: has no images')
        clean, changes = clean_annotations(found)
        coco = clean
        if taxonomy is not None:
            try:
                coco = fit_categories(clean, taxonomy)
            except InputError as error:
                raise InputError(f'{path}: {error}') from None
        outside = len(clean['annotations']) - len(coco['annotations'])
        count = len(found['annotations'])
        numbers = class_statistics(coco)
        return Source(label, path, count, coco, changes, outside, tabulate(coco), numbers)


def all_classes(sources: Sequence[Source]) -> list[str]:
    """The classes of all files, each once, in the order in which they first occur."""
    return list(dict.fromkeys(name for source in sources for name in source.table.classes))
