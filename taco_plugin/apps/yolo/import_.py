"""Makes COCO files from a data set in YOLO's format."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...coco.clean import clean_annotations
from ...coco.read import Coco
from ...errors import InputError
from ...files import check_writable, to_json, write_files
from .data import YoloData, label_path, read_data
from .find import find_images
from .images import Header, open_file, read_header, read_in_threads
from .labels import Label, parse_labels
from .notes import Note, SplitReport
from .objects import read_object

_LARGEST_FILE = 2**26  # bytes of a label file: a million lines


@dataclass(frozen=True)
class ImportSettings:
    """What ``yolo_to_coco.py`` is told.

    Args:
        data: The ``data.yaml``.
        images: Folder that holds all images, to which file names become relative; None for the
            ``path`` of ``data.yaml``.
        out: Folder for the results.
    """

    data: str
    images: str | None
    out: str


@dataclass(frozen=True)
class _Photograph:
    header: Header
    labels: list[Label] | None  # None: there is no label file


def import_yolo(settings: ImportSettings) -> dict[str, SplitReport]:
    """Writes ``annotations/train.json`` and so on, one for each split of ``data.yaml``.

    Images are found as YOLO trainers find them, but none outside the folder that holds them; their
    sizes are those of the displayed photographs, after EXIF rotation. Categories have the ids 1..K
    in the order of the classes. All files are written or none.

    Returns:
        What became of each split.

    Raises:
        InputError: If anything that was given cannot be used; names the file and the line.
    """
    data = read_data(settings.data)
    root = _find_root(settings, data)
    check_writable(settings.out)
    targets = {split: f'annotations/{split}.json' for split in data.splits}
    for target in targets.values():
        if os.path.lexists(os.path.join(settings.out, target)):
            raise InputError(
                f'{settings.out}/{target}: is there; give another folder, or remove it'
            )
    splits = {split: _import_split(split, data, root) for split in data.splits}
    files = {targets[split]: to_json(coco) for split, (coco, _) in splits.items()}
    write_files(settings.out, files)
    return {split: report for split, (_, report) in splits.items()}


def _find_root(settings: ImportSettings, data: YoloData) -> Path:
    """Folder of the images; a ``data.yaml`` alone cannot make it one that it does not lie above."""
    home = Path(os.path.abspath(settings.data)).parent
    root = Path(os.path.abspath(settings.images)) if settings.images else data.root
    if not settings.images and not root.is_relative_to(home):
        raise InputError(
            f'{settings.data}: its path {str(root)!r} lies outside of its folder: name the folder '
            'of the images with --images'
        )
    if not root.is_dir():
        raise InputError(f'{root}: no such folder of images: name it with --images')
    return root


def _import_split(split: str, data: YoloData, root: Path) -> tuple[Coco, SplitReport]:
    listed = Counter(
        path for source in data.splits[split] for path in find_images(source, data.root, root)
    )
    paths = list(listed)
    names = {path: Path(path).relative_to(root).as_posix() for path in paths}
    notes = [Note('listed_twice', names[path]) for path in paths if listed[path] > 1]
    found = read_in_threads(
        lambda path: _read_photograph(path, len(data.names)), paths, f'reading {split}'
    )
    coco = _make_coco(data.names)
    for path, photograph in zip(paths, found, strict=True):
        if isinstance(photograph, Note):
            notes.append(replace(photograph, file_name=names[path]))
            continue
        if photograph.labels is None:
            notes.append(Note('no_label_file', names[path]))
        _add_image(coco, names[path], photograph)
    clean, changes = clean_annotations(coco)
    notes += [Note(c.kind, c.file_name, c.annotation_id) for c in changes]
    filled = len({annotation['image_id'] for annotation in clean['annotations']})
    images, objects = len(clean['images']), len(clean['annotations'])
    return clean, SplitReport(images, images - filled, objects, tuple(notes))


def _read_photograph(path: str, num_classes: int) -> _Photograph | Note:
    try:
        header = read_header(Path(path))
    except FileNotFoundError:
        return Note('missing', path, None, 'no such file')
    # A damaged file can raise anything in Pillow: its decoders promise no particular error.
    except Exception as error:  # noqa: BLE001
        return Note('unreadable', path, None, str(error) or type(error).__name__)
    return _Photograph(header, _read_labels(label_path(path), num_classes))


def _read_labels(path: str, num_classes: int) -> list[Label] | None:
    try:
        with open_file(path) as file:
            data = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f'{path!r}: cannot be read ({error.strerror})') from None
    if len(data) > _LARGEST_FILE:
        raise InputError(f'{path!r}: larger than a label file can be (64 MiB)')
    try:
        return parse_labels(data.decode('utf-8-sig'), num_classes, repr(path))
    except UnicodeDecodeError:
        raise InputError(f'{path!r}: not a label file (not even text)') from None


def _make_coco(names: Sequence[str]) -> Coco:
    return {
        'images': [],
        'annotations': [],
        'categories': [
            {'supercategory': name, 'id': number, 'name': name}
            for number, name in enumerate(names, start=1)
        ],
    }


def _add_image(coco: Coco, name: str, photograph: _Photograph) -> None:
    size = photograph.header.width, photograph.header.height
    image_id = len(coco['images']) + 1
    coco['images'].append({'id': image_id, 'file_name': name, 'width': size[0], 'height': size[1]})
    for label in photograph.labels or ():
        ids = {
            'id': len(coco['annotations']) + 1,
            'image_id': image_id,
            'category_id': label.class_index + 1,
        }
        coco['annotations'].append({**ids, **read_object(label, *size)})
