"""Maps TACO's categories to the classes of a taxonomy."""

import csv
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError

_FOLDER = Path(__file__).parent
_HEADER = ['category', 'class']

TAXONOMIES = ('detectwaste7', 'taco60', 'taco28', 'taco10', 'taco1')
"""The taxonomies that are shipped, one CSV file each in this folder."""


@dataclass(frozen=True)
class Taxonomy:
    """A mapping of TACO's categories to the classes that a model learns.

    Args:
        name: Name of a shipped taxonomy, or the stem of the user's CSV file.
        classes: Class names in the order of their ids 1..K in a prepared file, which is the order
            of the labels 0..K-1 of a model.
        mapping: Class of every category that the CSV names; None for a category whose boxes are
            dropped.
    """

    name: str
    classes: tuple[str, ...]
    mapping: dict[str, str | None]


def load_taxonomy(name_or_csv: str) -> Taxonomy:
    """Loads a shipped taxonomy, or the user's own from a CSV file.

    The file is UTF-8 text with the header ``category,class`` and one line per category. An empty
    class drops the category. Classes get their ids in the order in which they first appear.

    Args:
        name_or_csv: One of :data:`TAXONOMIES`, or the path of a CSV file.

    Raises:
        InputError: If there is neither such a taxonomy nor such a file, or the file is not as
            described; the message names the line.

    Example:
        >>> taxonomy = load_taxonomy('detectwaste7')
        >>> taxonomy.classes
        ('metals_and_plastic', 'other', 'non_recyclable', 'glass', 'paper', 'bio', 'unknown')
        >>> taxonomy.mapping['Broken glass']
        'glass'
    """
    if name_or_csv in TAXONOMIES:
        return _read_taxonomy(_FOLDER / f'{name_or_csv}.csv')
    path = Path(name_or_csv)
    if not (path.is_file() or path.suffix.lower() == '.csv'):
        raise InputError(
            f'unknown taxonomy {name_or_csv!r}: give one of {", ".join(TAXONOMIES)}, '
            'or the path of a CSV file with the header category,class'
        )
    return _read_taxonomy(path)


def _read_taxonomy(path: Path) -> Taxonomy:
    mapping: dict[str, str | None] = {}
    for line, row in _read_rows(path):
        if len(row) != 2 or not row[0]:
            raise InputError(f'{path}, line {line}: expected category,class, not {",".join(row)!r}')
        category, name = row
        if category in mapping:
            raise InputError(f'{path}, line {line}: the category {category!r} is there twice')
        mapping[category] = name or None
    classes = tuple(dict.fromkeys(name for name in mapping.values() if name))
    if not classes:
        raise InputError(f'{path}, line 1: no category has a class, so none would be left')
    return Taxonomy(path.stem, classes, mapping)


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and stripped cells of each row below the header; blank lines are left out."""
    reader = csv.reader(_read_text(path).splitlines(keepends=True), strict=True)
    rows = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, [cell.strip() for cell in row]))
    except csv.Error as error:
        raise InputError(f'{path}, line {reader.line_num}: not CSV ({error})') from None
    if not rows:
        raise InputError(f'{path}, line 1: the file is empty, expected the header category,class')
    line, header = rows[0]
    if header != _HEADER:
        raise InputError(
            f'{path}, line {line}: expected the header category,class, not {",".join(header)!r}'
        )
    return rows[1:]


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    try:
        return data.decode('utf-8-sig')  # spreadsheets write a byte order mark
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b'\n') + 1
        raise InputError(f'{path}, line {line}: not UTF-8 text') from None
