"""The ``data.yaml`` of YOLO's format, written and read, and what a conversion reports."""

import os
import reprlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ...coco.clean import KINDS
from ...coco.images import PROBLEMS
from ...coco.split import SPLITS
from ...errors import InputError

NOTES = {
    **KINDS,
    **{kind: f'images left out: {text}' for kind, text in PROBLEMS.items()},
    'not_looked_for': 'images left out: hidden, or of a format that YOLO trainers do not look for',
    'crowd': 'crowds left out: the format has none',
    'polygons_left_out': 'objects written without their polygons (--segments writes them)',
    'joined': 'objects whose polygons were joined to one, the only number that the format has',
    'polygon_clipped': 'objects with polygons clipped to the image',
    'box_as_polygon': 'objects without polygons, written as the corners of their box',
    'no_label_file': 'images without a label file, taken for images without objects',
    'listed_twice': 'images listed twice, taken once',
    'in_two_splits': 'images that are both in this and in an earlier split',
    'no_image': 'label files without an image, left out',
}
"""Kinds of notes, in the order of a report, and how it words them."""


class Note(NamedTuple):
    """Something of an image, or of one of its annotations, of one kind of :data:`NOTES`."""

    kind: str
    file_name: str | None
    annotation_id: int | None = None
    detail: str = ''


@dataclass(frozen=True)
class SplitReport:
    """What became of one split: how many images and objects it has, and notes in their order."""

    images: int
    images_without_objects: int
    objects: int
    notes: Sequence[Note]

    def count_notes(self) -> dict[str, int]:
        """Number of notes of each kind, in the order of :data:`NOTES`; only kinds with any."""
        counts = Counter(note.kind for note in self.notes)
        return {kind: counts[kind] for kind in NOTES if counts[kind]}

    def to_dict(self) -> dict[str, Any]:
        """What the JSON report holds: numbers, :meth:`count_notes`, and notes worth a list."""
        notes = [note._asdict() for note in self.notes if note.kind != 'polygons_left_out']
        return {**vars(self), 'counts': self.count_notes(), 'notes': notes}


def format_splits(splits: dict[str, SplitReport]) -> str:
    """What a user wants to know at once, for the terminal."""
    lines = []
    for name, split in splits.items():
        empty, objects = split.images_without_objects, split.objects
        lines.append(
            f'{name}: {split.images} images, {empty} of them without objects, {objects} objects'
        )
        lines += [f'  {count} {NOTES[kind]}' for kind, count in split.count_notes().items()]
    return '\n'.join(lines)


def format_data(root: Path, splits: Sequence[str], names: Sequence[str]) -> str:
    """The text of ``data.yaml`` of a folder whose images lie in ``images/train`` and so on.

    It names the folder absolutely: trainers look for a relative one wherever they like.
    """
    import yaml

    folders = {split: f'images/{split}' for split in splits}
    data = {'path': str(root), **folders, 'names': dict(enumerate(names))}
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


def read_data(path: str | Path) -> tuple[Path, dict[str, list[str]], list[str]]:
    """Reads a ``data.yaml``; nothing in it is executed or downloaded.

    Returns:
        The folder ``path``, absolute; the file's own if it names none. Folders of images, or lists
        of them, of each split, as in the file. The classes in their order.

    Raises:
        InputError: If the file cannot be read or is not one.
    """
    import yaml

    try:
        data = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, 'problem_mark', None)
        line = f', line {mark.line + 1}' if mark else ''
        problem = getattr(error, 'problem', type(error).__name__)
        raise InputError(f'{path}{line}: broken YAML ({problem})') from None
    data = data if isinstance(data, dict) else {}
    sources = {key: value for key in ('path', *SPLITS) if (value := data.get(key))}
    for key, value in sources.items():
        sources[key] = value if isinstance(value, list) else [value]
        if not all(isinstance(source, str) for source in sources[key]):
            found = reprlib.repr(value)
            raise InputError(f'{path}: {key!r} must name folders or files, not {found}')
    root = os.path.join(os.path.dirname(os.path.abspath(path)), *sources.pop('path', []))
    if not sources:
        raise InputError(f'{path}: has none of {", ".join(SPLITS)}')
    names = data.get('names')
    if isinstance(names, dict):
        names = [names.get(index) for index in range(len(names))]
    if not isinstance(names, list) or not names or data.get('nc', len(names)) != len(names):
        raise InputError(f"{path}: 'names' must be a list of classes, as many as 'nc' says")
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name or name in names[:index]:
            found = f'not {reprlib.repr(name)} (quote what is meant as a text)'
            raise InputError(f'{path}: class {index} must have a name of its own, {found}')
    return Path(os.path.normpath(root)), sources, names


def read_text(path: str | Path) -> str:
    """What a text file of UTF-8 holds.

    Raises:
        InputError: If it cannot be read or is no text.
    """
    try:
        if not os.path.isfile(path):  # a pipe could block
            raise FileNotFoundError('no such file')
        return Path(path).read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f'{path}: cannot be read ({error})') from None
