"""What a conversion to or from YOLO's format changes, and how a report words it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...coco.clean import KINDS
from ...coco.images import PROBLEMS

NOTES = {
    **KINDS,
    **{kind: f'images left out: {text}' for kind, text in PROBLEMS.items()},
    'not_looked_for': 'images left out: hidden, or of a format that YOLO trainers do not look for',
    'crowd': 'crowds left out: the format has none',
    'polygons_left_out': 'objects written without their polygons (--segments writes them)',
    'joined': 'objects whose polygons were joined to one, the only number that the format has',
    'polygon_clipped': 'objects with polygons clipped to the image',
    'box_as_polygon': 'objects without polygons, written as the corners of their box',
    'box_differs': 'boxes over 2 px off their polygons, from which a trainer takes its boxes',
    'rotated': 'photographs rotated by EXIF: right for trainers that heed it, as ultralytics does',
    'rewritten': 'JPEGs with data behind their end: ultralytics saves them anew, through links too '
    '(--link copy spares yours)',
    'no_label_file': 'images without a label file, taken for images without objects',
    'listed_twice': 'images listed twice, taken once',
}
"""Kinds of notes, in the order of a report."""


@dataclass(frozen=True)
class Note:
    """One thing that a user may want to know.

    Args:
        kind: One of :data:`NOTES`.
        file_name: The image's.
        annotation_id: As in the COCO file; None if the note is of the image.
        detail: What exactly was found; may be empty.
    """

    kind: str
    file_name: str | None
    annotation_id: int | None = None
    detail: str = ''


@dataclass(frozen=True)
class SplitReport:
    """What became of one split.

    Args:
        images: Number of images.
        images_without_objects: Number of those that hold none.
        objects: Number of objects.
        notes: In the order of the images.
    """

    images: int
    images_without_objects: int
    objects: int
    notes: tuple[Note, ...]


def report_split(split: SplitReport) -> dict[str, Any]:
    """A split for JSON: the number of notes of each kind, and those that are worth a list."""
    notes = [asdict(note) for note in split.notes if note.kind != 'polygons_left_out']
    return {**asdict(split), 'counts': count_notes(split.notes), 'notes': notes}


def count_notes(notes: Sequence[Note]) -> dict[str, int]:
    """Number of notes of each kind, in the order of :data:`NOTES`; kinds without any left out."""
    counts = Counter(note.kind for note in notes)
    return {kind: counts[kind] for kind in NOTES if counts[kind]}


def format_splits(splits: dict[str, SplitReport]) -> str:
    """What a user wants to know at once, for the terminal."""
    lines = []
    for name, split in splits.items():
        lines.append(
            f'{name}: {split.images} images, {split.images_without_objects} of them without '
            f'objects, {split.objects} objects'
        )
        lines += [f'  {count} {NOTES[kind]}' for kind, count in count_notes(split.notes).items()]
    return '\n'.join(lines)
