"""Writes a data set in YOLO's format."""

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...coco.clean import clean_annotations
from ...coco.read import Coco, read_coco
from ...coco.split import SPLITS
from ...errors import InputError
from ...files import check_writable, to_json
from .data import format_data
from .notes import Note, SplitReport, report_split
from .split import Split, make_split

LINKS = ('symlink', 'hardlink', 'copy')
"""How a photograph comes into a YOLO data set."""


@dataclass(frozen=True)
class ExportSettings:
    """What ``coco_to_yolo.py`` is told.

    Args:
        annotations: Files ``train.json``, ``val.json``, ``test.json``, or one folder of them.
        images: Folder that the file names are relative to.
        out: Folder for the results; new or empty.
        link: One of :data:`LINKS`.
        segments: Write polygons; else boxes.
    """

    annotations: Sequence[str]
    images: str
    out: str
    link: str
    segments: bool


def export_yolo(settings: ExportSettings) -> dict[str, SplitReport]:
    """Writes ``data.yaml``, ``images/``, ``labels/`` and ``report.json``.

    Images keep their folders, as names repeat between TACO's batches:
    ``images/train/batch_1/000006.jpg`` has its labels in ``labels/train/batch_1/000006.txt``.
    Annotations are cleaned as ever. Crowds, and images that no trainer could use, are left out.
    With ``segments``, an object of several polygons becomes one, see
    :func:`~.yolo_polygons.join_polygons`, and one without polygons the corners of its box: a file
    that mixed the two kinds of lines would be misread. Everything appears at once, or nothing.

    Returns:
        What became of each split; ``report.json`` lists every note.

    Raises:
        InputError: If anything that was given cannot be used.
    """
    files = _find_files(settings.annotations)
    out = Path(os.path.abspath(settings.out))
    _check_out(out)
    if not os.path.isdir(settings.images):
        raise InputError(f'{settings.images}: the image folder does not exist or is no folder')
    sources = {split: _read(path) for split, path in files.items()}
    names = _check_classes(files, {split: coco for split, (coco, _) in sources.items()})
    folder = Path(os.path.abspath(settings.images))
    exports = {
        split: make_split(split, coco, folder, changes, settings.segments, settings.link)
        for split, (coco, changes) in sources.items()
    }
    _check_photographs(exports, settings)
    reports = {split: export.report for split, export in exports.items()}
    texts = {
        'data.yaml': format_data(out, list(exports), names),
        'report.json': to_json({s: report_split(report) for s, report in reports.items()}, 2),
    }
    _write(out, texts, exports, settings.link)
    return reports


def _find_files(annotations: Sequence[str]) -> dict[str, Path]:
    paths = [Path(path) for path in annotations]
    if len(paths) == 1 and paths[0].is_dir():
        found = {split: paths[0] / f'{split}.json' for split in SPLITS}
        files = {split: path for split, path in found.items() if path.is_file()}
        if not files:
            raise InputError(f'{paths[0]}: holds no train.json (prepare_taco.py writes it)')
        return files
    files = {path.stem: path for path in paths}
    for path in paths:
        if path.stem not in SPLITS or files[path.stem] is not path:
            raise InputError(
                f'{path}: name each file of annotations once, by its split: '
                f'{", ".join(f"{split}.json" for split in SPLITS)} (prepare_taco.py writes them)'
            )
    return {split: files[split] for split in SPLITS if split in files}


def _check_out(out: Path) -> None:
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f'{out}: is there and not empty; give a new folder, or remove it')
    check_writable(out.parent)


def _read(path: Path) -> tuple[Coco, list[Note]]:
    coco, changes = clean_annotations(read_coco(path))
    notes = [
        Note(c.kind, c.file_name, c.annotation_id, f'{c.before} -> {c.after}') for c in changes
    ]
    return coco, notes


def _check_classes(files: dict[str, Path], cocos: dict[str, Coco]) -> list[str]:
    names = {split: [c['name'] for c in coco['categories']] for split, coco in cocos.items()}
    first = next(iter(names))
    if not names[first]:
        raise InputError(f'{files[first]}: has no categories')
    for split in names:
        if names[split] != names[first]:
            raise InputError(f'{files[split]}: has other categories than {files[first]}')
    return names[first]


def _check_photographs(exports: dict[str, Split], settings: ExportSettings) -> None:
    if any(export.photographs for export in exports.values()):
        return
    first = next((n for export in exports.values() for n in export.report.notes if n.detail), None)
    found = f'; the first: {first.file_name!r}, {first.detail}' if first else ''
    raise InputError(
        f'{settings.images}: none of the photographs can be used{found} '
        '(is --images the folder that holds batch_1?)'
    )


def _write(out: Path, texts: dict[str, str], exports: dict[str, Split], link: str) -> None:
    """Writes beside ``out`` and renames."""
    from tqdm import tqdm

    new = out.with_name(f'.{out.name}.{os.getpid()}.new')
    missing = [folder for folder in out.parents if not folder.exists()]
    photographs = {t: s for export in exports.values() for t, s in export.photographs.items()}
    labels = {t: text for export in exports.values() for t, text in export.labels.items()}
    try:
        new.mkdir(parents=True)
        for target, source in tqdm(photographs.items(), link, delay=2, mininterval=0.5):
            (new / target).parent.mkdir(parents=True, exist_ok=True)
            _place(source, new / target, link)
        for name, text in {**labels, **texts}.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(text, encoding='utf-8')
        new.rename(out)
    except OSError as error:
        raise _explain(error, out, link) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
        if not out.exists():
            for folder in missing:
                with suppress(OSError):
                    folder.rmdir()


def _place(source: Path, target: Path, link: str) -> None:
    if link == 'symlink':
        target.symlink_to(source)
    elif link == 'hardlink':
        target.hardlink_to(os.path.realpath(source))
    else:
        shutil.copyfile(source, target)


def _explain(error: OSError, out: Path, link: str) -> InputError:
    if error.errno == errno.EXDEV:
        return InputError(f'{out}: lies on another file system: take --link symlink or copy')
    return InputError(f'{out}: cannot be written as {link} ({error.strerror})')
