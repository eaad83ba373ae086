"""Writes a data set in YOLO's format."""

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from ...coco.clean import clean_annotations
from ...coco.images import check_images
from ...coco.read import Coco, read_coco
from ...coco.split import SPLITS
from ...errors import InputError
from ...files import check_writable, is_vacant, stage_folder, write_file, write_files
from ...images import Size
from ...json_files import to_json
from .data import Note, SplitReport, format_data
from .labels import IMAGE_SUFFIXES, Label, join_polygons, label_path


def export_yolo(
    annotations: Sequence[str], images: str, out: str, *, link: str, segments: bool
) -> dict[str, SplitReport]:
    """Writes ``data.yaml``, ``images/``, ``labels/`` and ``report.json``.

    Images keep their folders, as names repeat between TACO's batches. Annotations are cleaned as
    ever. Crowds, and images that no trainer could use, are left out. With ``segments``, an object
    of several polygons becomes one, see :func:`join_polygons`, and one without polygons the corners
    of its box: a file that mixed the two kinds of lines would be misread. Nothing appears before
    all is written; a new folder is then renamed to its name.

    Args:
        annotations: Files ``train.json``, ``val.json``, ``test.json``, or one folder of them.
        images: Folder that the file names are relative to.
        out: Folder for the results; new or empty.
        link: How a photograph comes into it: ``symlink``, ``hardlink`` or ``copy``.
        segments: Write polygons; else boxes.

    Returns:
        What became of each split; ``report.json`` lists every note.

    Raises:
        InputError: If anything that was given cannot be used.
    """
    files, target = _find_files(annotations), Path(os.path.abspath(out))
    is_there = os.path.lexists(target)
    _check_vacant(target)
    check_writable(target)
    cocos = {split: read_coco(path) for split, path in files.items()}
    names = [[category['name'] for category in coco['categories']] for coco in cocos.values()]
    for file, others in zip(files.values(), names, strict=True):
        if not others or others != names[0]:
            raise InputError(f'{file}: has no categories, or has other categories than the first')
    folder, reports = Path(os.path.abspath(images)), {}
    with stage_folder(target if is_there else target.parent) as stage:
        new = stage if is_there else stage / target.name
        for split, coco in cocos.items():
            reports[split] = _export_split(
                coco, folder, new, split=split, link=link, segments=segments
            )
        if not any(report.images for report in reports.values()):
            notes = (note for report in reports.values() for note in report.notes if note.detail)
            first = next((f'; the first: {n.file_name!r}, {n.detail}' for n in notes), '')
            raise InputError(
                f'{images}: none of the photographs can be used{first} '
                '(is --images the folder that holds batch_1?)'
            )
        listed = {split: report.to_dict() for split, report in reports.items()}
        texts = {'data.yaml': format_data(target, [*files], names[0])}
        write_files(new, {**texts, 'report.json': to_json(listed, indent=2)})
        _check_vacant(target)  # meanwhile, another run may have been faster
    return reports


def _check_vacant(target: Path) -> None:
    if os.path.lexists(target) and not (target.is_dir() and is_vacant(target)):
        raise InputError(f'{target}: is there and not empty; give a new folder, or remove it')


def _find_files(annotations: Sequence[str]) -> dict[str, Path]:
    paths = [Path(path) for path in annotations]
    if len(paths) == 1 and paths[0].is_dir():
        paths = [path for split in SPLITS if (path := paths[0] / f'{split}.json').is_file()]
    files = {path.stem: path for path in paths}
    if not files or len(files) < len(paths) or not files.keys() <= set(SPLITS):
        raise InputError(
            f'{", ".join(annotations)}: give train.json, val.json and test.json, each once, or a '
            'folder that holds one of them (prepare_taco.py writes them)'
        )
    return {split: files[split] for split in SPLITS if split in files}


def _export_split(
    coco: Coco, images: Path, out: Path, *, split: str, link: str, segments: bool
) -> SplitReport:
    coco, changes = clean_annotations(coco)
    notes = [
        Note(c.kind, c.file_name, c.annotation_id, f'{c.before} -> {c.after}') for c in changes
    ]
    counts = []
    objects = defaultdict(list)
    for annotation in coco['annotations']:
        objects[annotation['image_id']].append(annotation)
    classes = {category['id']: index for index, category in enumerate(coco['categories'])}
    problems = {problem.image_id: problem for problem in check_images(coco, images)}
    for image in coco['images']:
        name, path = image['file_name'], PurePosixPath(image['file_name'])
        if problem := problems.get(image['id']):
            notes.append(Note(problem.kind, name, detail=problem.detail))
            continue
        if path.suffix.lower() not in IMAGE_SUFFIXES or any(p.startswith('.') for p in path.parts):
            notes.append(Note('not_looked_for', name))
            continue
        lines, size = [], (image['width'], image['height'])
        for annotation in objects[image['id']]:
            index = classes[annotation['category_id']]
            label, kinds = _label(annotation, index, size, segments=segments)
            lines += [f'{label.format()}\n'] if label else []
            notes += [Note(kind, name, annotation['id']) for kind in kinds]
        counts.append(len(lines))
        photograph = out / 'images' / split / path
        file = Path(label_path(str(photograph)))
        if file.exists():
            raise InputError(
                f'{name!r}: another image of the split {split} has the same label file, '
                f'{file.relative_to(out).as_posix()!r}: rename one'
            )
        write_file(file, partial(Path.write_text, data=''.join(lines), encoding='utf-8'))
        write_file(photograph, partial(_LINKS[link], images / name))
    return SplitReport(len(counts), counts.count(0), sum(counts), notes)


_LINKS: dict[str, Callable[[Path, Path], object]] = {
    'symlink': lambda source, path: path.symlink_to(source),
    'hardlink': lambda source, path: path.hardlink_to(os.path.realpath(source)),
    'copy': shutil.copyfile,
}
"""How a photograph comes to another path."""


def _label(
    annotation: dict, index: int, size: Size, *, segments: bool
) -> tuple[Label | None, list[str]]:
    """The label of an object unless it is a crowd, and kinds of notes."""
    segmentation, box = annotation.get('segmentation'), annotation['bbox']
    polygons = segmentation if isinstance(segmentation, list) else []
    if annotation['iscrowd']:
        return None, ['crowd']
    if not segments:
        return Label.from_box(index, box, size), ['polygons_left_out'] if polygons else []
    parts = [np.reshape(polygon, (-1, 2)) * 1.0 for polygon in polygons]
    is_clipped = any((part < 0).any() or (part > size).any() for part in parts)
    kinds = ['polygon_clipped'] * is_clipped + ['joined'] * (len(parts) > 1)
    outline = join_polygons(parts, size)
    if not len(outline):
        x, y, w, h = box
        outline = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]).clip(0, size)
        kinds.append('box_as_polygon')
    return Label(index, tuple((outline / size).ravel().tolist())), kinds
