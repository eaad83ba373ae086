"""Makes the label files of one split of a YOLO data set."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...coco.images import PROBLEMS, check_file_names
from ...coco.read import Coco
from ...errors import InputError
from .data import IMAGE_SUFFIXES, label_path
from .images import read_header, read_in_threads
from .notes import Note, SplitReport
from .objects import format_objects

_LEFT_OUT = frozenset([*PROBLEMS, 'not_looked_for'])


@dataclass(frozen=True)
class Split:
    """One split, ready to be written.

    Args:
        photographs: The original of each image, by its path in the YOLO data set.
        labels: Text of each label file, by its path there.
        report: What became of the split.
    """

    photographs: dict[str, Path]
    labels: dict[str, str]
    report: SplitReport


def make_split(
    split: str, coco: Coco, folder: Path, changes: list[Note], segments: bool, link: str
) -> Split:
    """Checks the photographs of a split and makes their label files.

    Args:
        split: Its name.
        coco: Clean.
        folder: That the file names are relative to; absolute.
        changes: What cleaning changed.
        segments: Write polygons; else boxes.
        link: How the photographs will be placed.

    Raises:
        InputError: If two images would share a label file.
    """
    found = _check_images(coco, folder, link, split)
    objects = defaultdict(list)
    for annotation in coco['annotations']:
        objects[annotation['image_id']].append(annotation)
    class_indices = {category['id']: index for index, category in enumerate(coco['categories'])}
    photographs: dict[str, Path] = {}
    labels: dict[str, str] = {}
    notes = [*changes]
    for image, image_notes in zip(coco['images'], found, strict=True):
        notes += image_notes
        if any(note.kind in _LEFT_OUT for note in image_notes):
            continue
        path = f'images/{split}/{PurePosixPath(image["file_name"])}'
        label = label_path(f'/{path}').removeprefix('/')
        if label in labels:
            raise InputError(
                f'{image["file_name"]!r}: another image of the split {split} has the same label '
                f'file, {label!r}: rename one'
            )
        photographs[path] = folder / image['file_name']
        labels[label], more = format_objects(objects[image['id']], image, class_indices, segments)
        notes += more
    lines = [text.count('\n') for text in labels.values()]
    report = SplitReport(len(lines), lines.count(0), sum(lines), tuple(notes))
    return Split(photographs, labels, report)


def _check_images(coco: Coco, folder: Path, link: str, split: str) -> list[list[Note]]:
    """Notes on each image, in their order."""
    outside = {problem.file_name: problem.detail for problem in check_file_names(coco)}

    def check(image: dict) -> list[Note]:
        name = image['file_name']
        if name in outside:
            return [Note('outside_folder', name, None, outside[name])]
        return _check_image(image, folder, link)

    return read_in_threads(check, coco['images'], f'reading headers, {split}')


def _check_image(image: dict, folder: Path, link: str) -> list[Note]:
    name = image['file_name']
    path = PurePosixPath(name)
    if path.suffix.lower() not in IMAGE_SUFFIXES or any(p.startswith('.') for p in path.parts):
        return [Note('not_looked_for', name)]
    try:
        header = read_header(folder / name)
    except FileNotFoundError:
        return [Note('missing', name, None, 'no such file')]
    # A damaged file can raise anything in Pillow: its decoders promise no particular error.
    except Exception as error:  # noqa: BLE001
        return [Note('unreadable', name, None, str(error) or type(error).__name__)]
    if (header.width, header.height) != (image['width'], image['height']):
        detail = (
            f'{header.width}x{header.height} on disk, {image["width"]}x{image["height"]} in the '
            'file, both upright'
        )
        return [Note('size_differs', name, None, detail)]
    notes = [Note('rotated', name)] if header.is_rotated else []
    if link != 'copy' and not header.ends_as_jpeg:
        notes.append(Note('rewritten', name))
    return notes
