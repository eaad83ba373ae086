"""The boxes of an evaluation as a file, for whoever draws them later."""

import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ..boxes import Boxes
from ..errors import InputError
from ..files import write_file

_LARGEST = 1 << 30
"""Bytes that a file may unpack to."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Ground truth and detections of some images.

    Args:
        folder: Of the photographs.
        images: Id of each image -> name of its file in the folder.
        truth: Of these images.
        found: Of these images.

    Raises:
        InputError: If a box is of another image.
    """

    folder: str
    images: Mapping[int, str]
    truth: Boxes
    found: Boxes

    @property
    def paths(self) -> dict[int, str]:
        """Id of each image -> path of its photograph."""
        return {image: os.path.join(self.folder, name) for image, name in self.images.items()}

    def __post_init__(self) -> None:
        for name in ('truth', 'found'):
            other = np.setdiff1d(getattr(self, name).image, list(self.images))
            if len(other):
                raise InputError(f'{name} has boxes of the image {other[0]}, which is not listed')


def write_detections(detections: Detections, path: str | Path) -> None:
    """Writes them completely or not at all, as a NumPy archive.

    Raises:
        InputError: If the file cannot be written.
    """
    arrays = {
        'image_ids': np.array(list(detections.images), dtype=np.int64),
        'image_names': np.array(list(detections.images.values()), dtype=np.str_),
        'folder': np.array(detections.folder),
    }
    for name in ('truth', 'found'):
        boxes = getattr(detections, name)
        arrays |= {f'{name}_{field.name}': getattr(boxes, field.name) for field in fields(Boxes)}

    def write(beside: Path) -> None:
        with beside.open('wb') as file:  # given a path, NumPy would add a suffix
            np.savez_compressed(file, allow_pickle=False, **arrays)

    write_file(path, write)


def read_detections(path: str | Path) -> Detections:
    """Reads what :func:`write_detections` wrote; nothing in the file can run code.

    Raises:
        InputError: If the file cannot be read, holds something else, or unpacks to over 1 GiB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _LARGEST:
            raise InputError(f'{path}: would unpack to {size} bytes; no file of detections')
        with np.load(path, allow_pickle=False) as arrays:
            ids, names = arrays['image_ids'].tolist(), arrays['image_names'].tolist()
            truth, found = (
                Boxes(**{field.name: arrays[f'{name}_{field.name}'] for field in fields(Boxes)})
                for name in ('truth', 'found')
            )
            images = dict(zip(ids, names, strict=True))
            return Detections(str(arrays['folder']), images, truth, found)
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror or error})') from None
    except InputError as error:
        raise InputError(f'{path}: {str(error).removeprefix(f"{path}: ")}') from None
    except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f'{path}: no file of detections ({error})') from None
