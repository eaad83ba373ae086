"""Makes COCO files from a data set in YOLO's format."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...coco.clean import clean_annotations
from ...coco.read import Coco
from ...errors import InputError
from ...files import check_writable, write_files
from ...images import Size, decode_size, list_photographs, map_threads, strict_pillow
from ...json_files import to_json
from .data import Note, SplitReport, read_data, read_text
from .labels import IMAGE_SUFFIXES, label_path, parse_labels


def import_yolo(data: str, out: str, images: str | None) -> dict[str, SplitReport]:
    """Writes ``annotations/train.json`` and so on, one for each split of ``data.yaml``.

    Images are found as YOLO trainers find them; sizes are those of the displayed photographs, after
    EXIF rotation. Categories have the ids 1..K in the order of the classes. All files are written
    or none.

    Args:
        data: The ``data.yaml``.
        out: Folder for the results.
        images: Folder that holds all images; None for the ``path`` of ``data.yaml``.

    Returns:
        What became of each split.

    Raises:
        InputError: If anything that was given cannot be used; names the file and the line.
    """
    base, splits, names = read_data(data)
    root = Path(os.path.abspath(images)) if images else base
    if not images and not root.is_relative_to(os.path.dirname(os.path.abspath(data))):
        outside = f'{data}: its path {str(root)!r} lies outside of its folder'
        raise InputError(f'{outside}: name the folder of the images with --images')
    if not root.is_dir():
        raise InputError(f'{root}: no such folder of images: name it with --images')
    check_writable(out)
    for split in splits:
        if os.path.lexists(target := f'{out}/annotations/{split}.json'):
            raise InputError(f'{target}: is there; give another folder, or remove it')
    listed = {
        split: [path for source in sources for path in _find_images(source, base, root)]
        for split, sources in splits.items()
    }
    files, reports = {}, {}
    known = {label_path(path) for found in listed.values() for path in found}
    known |= {os.path.normpath(base / source) for sources in splits.values() for source in sources}
    earlier: set[str] = set()
    with strict_pillow():
        for split, found in listed.items():
            coco, reports[split] = _import_split(found, root, names)
            odd = {'in_two_splits': earlier & {*found}, 'no_image': _find_labels(found) - known}
            earlier.update(found)
            known |= odd['no_image']
            notes = [
                Note(kind, os.path.relpath(path, root))
                for kind, paths in odd.items()
                for path in sorted(paths)
            ]
            reports[split] = replace(reports[split], notes=[*reports[split].notes, *notes])
            files[f'annotations/{split}.json'] = to_json(coco)
    write_files(out, files)
    return reports


def _import_split(
    found: Sequence[str], root: Path, names: Sequence[str]
) -> tuple[Coco, SplitReport]:
    categories = [
        {'supercategory': name, 'id': number, 'name': name}
        for number, name in enumerate(names, start=1)
    ]
    coco: Coco = {'images': [], 'annotations': [], 'categories': categories}
    notes, listed = [], Counter(found)
    sizes = map_threads(_read_size, [*listed], 'reading sizes')
    for (path, times), size in zip(listed.items(), sizes, strict=True):
        name, number = Path(path).relative_to(root).as_posix(), len(coco['images']) + 1
        notes += [Note('listed_twice', name)] if times > 1 else []
        if isinstance(size, str):
            notes.append(Note('unreadable', name, detail=size))
            continue
        image = {'id': number, 'file_name': name, 'width': size[0], 'height': size[1]}
        coco['images'].append(image)
        if not os.path.lexists(file := label_path(path)):
            notes.append(Note('no_label_file', name))
            continue
        for label in parse_labels(read_text(file), len(names), file):
            ids = {'id': len(coco['annotations']) + 1, 'image_id': number}
            ids['category_id'] = label.class_index + 1
            coco['annotations'].append({**ids, **label.to_annotation(size)})
    clean, changes = clean_annotations(coco)
    notes += [Note(c.kind, c.file_name, c.annotation_id) for c in changes]
    filled = len({annotation['image_id'] for annotation in clean['annotations']})
    images, objects = len(clean['images']), len(clean['annotations'])
    return clean, SplitReport(images, images - filled, objects, notes)


def _read_size(path: str) -> Size | str:
    """Width and height in pixels, as displayed, or why they cannot be read."""
    try:
        return decode_size(Path(path))
    # A damaged file can raise anything in Pillow: its decoders promise no particular error.
    except Exception as error:  # noqa: BLE001
        return str(error) or type(error).__name__


def _find_images(source: str, base: Path, root: Path) -> Iterator[str]:
    """The absolute paths of the images that one entry of a split names.

    It is a folder, searched with all folders in it but hidden ones, or a ``.txt`` file of names
    relative to its folder. It is looked for in ``base``, then in ``root``, also without the
    ``../`` that Roboflow puts before it; nothing may lie outside of ``root``.
    """
    places = [base / source, root / source, root / source.removeprefix('../')]
    paths = (Path(os.path.normpath(place)) for place in places)
    path = next((path for path in paths if path.exists() and path.is_relative_to(root)), None)
    hint = f'{root} (name the folder that holds all images with --images)'
    if path is None:
        raise InputError(f'{source!r} of data.yaml: no such folder or .txt file in {hint}')
    if path.is_dir():
        yield from sorted(list_photographs(path, IMAGE_SUFFIXES))
        return
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if name := line.strip():
            image = Path(os.path.normpath(path.parent / name))
            if not image.is_relative_to(root):
                raise InputError(f'{path}, line {number}: {name[:200]!r} lies outside of {hint}')
            yield str(image)


def _find_labels(images: Sequence[str]) -> set[str]:
    """Finds all label files that lie in the same folders as those of the images."""
    folders = {os.path.dirname(label_path(path)) for path in images}
    places = (place for folder in folders for place in Path(folder).glob('*.txt'))
    return {str(place) for place in places if place.name != 'classes.txt'}
