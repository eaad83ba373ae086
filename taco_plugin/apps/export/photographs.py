"""Finds the photographs on which an export is compared with PyTorch, or calibrated."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...coco import Coco, clean_annotations, load_dataset, order_categories, read_coco
from ...detector import Detector
from ...errors import InputError, describe_error
from ...images import list_photographs, read_photograph
from ...runtime.metadata import show

_SUFFIXES = {'.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp'}


@dataclass(frozen=True)
class Photographs:
    """Photographs on disk.

    Args:
        paths: Path of each.
        truth: A COCO file whose categories are in the order of the labels; None if there is none.
        ids: Id in ``truth`` of each; empty without it.
    """

    paths: Sequence[Path]
    truth: Coco | None = None
    ids: Sequence[int] = ()


def find_photographs(
    detector: Detector, images: str | None, annotations: str | None, limit: int
) -> Photographs:
    """Finds ``limit`` photographs, evenly spread: those given, or of the detector's test split.

    Raises:
        InputError: If there are none.
    """
    dataset = detector.dataset
    path = annotations if images else dataset.ann_file
    if not path:
        return Photographs(list_folder(images or '', limit))
    if taxonomy := getattr(dataset, 'taxonomy', None):
        coco, folder = load_dataset(path, taxonomy, log=lambda _: None)
        folder = None if dataset.is_folder_given else folder
    else:
        coco, _ = clean_annotations(read_coco(path))
        coco, folder = order_categories(coco, detector.classes), None
    folder = Path(images or folder or dataset.data_prefix.get('img') or dataset.data_root)
    entries = _spread(coco['images'], limit)
    paths = [folder / entry['file_name'] for entry in entries]
    missing = [path for path in paths if not path.is_file()]
    if missing or not paths:
        reason = f'{missing[0]}: no such photograph' if missing else f'{path}: has no images'
        raise InputError(f'{reason}; name some with --images')
    return Photographs(paths, coco, [entry['id'] for entry in entries])


def list_folder(folder: str, limit: int) -> list[Path]:
    """Lists ``limit`` photographs in a folder and those below it, evenly spread."""
    if not os.path.isdir(folder):
        raise InputError(f'{show(folder)}: no such folder')
    found = sorted(map(Path, list_photographs(folder, _SUFFIXES)))
    if not found:
        raise InputError(f'{show(folder)}: no photographs in it')
    return _spread(found, limit)


def _spread(items: list, limit: int) -> list:
    step = max(len(items) / limit, 1.0)
    return [items[int(number * step)] for number in range(min(limit, len(items)))]


def load(path: Path) -> np.ndarray:
    """Decodes a photograph, BGR, uint8, shape (H, W, 3).

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return read_photograph(str(path))
    except Exception as error:  # decoders promise no particular error
        reason = show(describe_error(error))
        raise InputError(f'{show(str(path))}: cannot be read ({reason})') from None
