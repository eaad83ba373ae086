"""The ``data.yaml`` of a YOLO data set, and where it keeps its labels."""

import os
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...coco.split import SPLITS
from ...errors import InputError
from .images import open_file

# As ultralytics has them.
IMAGE_SUFFIXES = frozenset(
    ['.bmp', '.dng', '.heic', '.jpeg', '.jpg', '.mpo', '.png', '.tif', '.tiff', '.webp']
)
"""Suffixes that YOLO trainers look for, in lower case."""

_LARGEST_FILE = 2**20


@dataclass(frozen=True)
class YoloData:
    """What ``data.yaml`` says.

    Args:
        names: The classes in their order.
        root: The folder ``path``, or the file's own; absolute.
        splits: Folders of images, or lists of them, of each split; as in the file.
    """

    names: tuple[str, ...]
    root: Path
    splits: dict[str, tuple[str, ...]]


def label_path(image_path: str) -> str:
    """Where YOLO trainers look for the labels of an image.

    The last folder ``images`` becomes ``labels``, the suffix ``.txt``.

    >>> label_path('/yolo/images/train/batch_1/000006.JPG')
    '/yolo/labels/train/batch_1/000006.txt'
    """
    return os.path.splitext('/labels/'.join(image_path.rsplit('/images/', 1)))[0] + '.txt'


def format_data(root: str | Path, splits: Sequence[str], names: Sequence[str]) -> str:
    """The text of ``data.yaml``, whose images lie in ``images/train`` and so on.

    Args:
        root: Absolute path of the folder: trainers look for a relative one wherever they like.
        splits: Some of :data:`~.split.SPLITS`.
        names: The classes in their order.
    """
    import yaml

    data = {
        'path': str(root),
        **{split: f'images/{split}' for split in splits},
        'names': dict(enumerate(names)),
    }
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


def read_data(path: str | Path) -> YoloData:
    """Reads a ``data.yaml``; nothing in it is executed or downloaded.

    Raises:
        InputError: If the file cannot be read or is not one.
    """
    data = _parse(path)
    if not isinstance(data, dict):
        raise InputError(f'{path}: not the data.yaml of a YOLO data set: expected key: value lines')
    splits = {split: _read_split(path, data, split) for split in SPLITS if data.get(split)}
    if not splits:
        raise InputError(f'{path}: has none of {", ".join(SPLITS)}')
    root = data.get('path', '')
    if not _is_path(root):
        raise InputError(f"{path}: 'path' must be a folder, not {reprlib.repr(root)}")
    folder = os.path.join(os.path.dirname(os.path.abspath(path)), root)
    return YoloData(_read_names(path, data), Path(os.path.normpath(folder)), splits)


def _parse(path: str | Path) -> Any:  # noqa: ANN401
    import yaml

    try:
        with open_file(path) as file:
            text = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    if len(text) > _LARGEST_FILE:
        raise InputError(f'{path}: larger than a data.yaml can be (1 MiB)')
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f', line {error.problem_mark.line + 1}' if error.problem_mark else ''
        raise InputError(f'{path}{line}: broken YAML ({error.problem})') from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InputError(f'{path}: not YAML') from None


def _is_path(value: object) -> bool:
    return isinstance(value, str) and '\0' not in value


def _read_split(path: str | Path, data: dict, split: str) -> tuple[str, ...]:
    sources = data[split] if isinstance(data[split], list) else [data[split]]
    if not all(map(_is_path, sources)):
        raise InputError(
            f'{path}: {split!r} must be a folder, a .txt file, or a list of these, not '
            f'{reprlib.repr(data[split])}'
        )
    return tuple(sources)


def _read_names(path: str | Path, data: dict) -> tuple[str, ...]:
    names = data.get('names')
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise InputError(
                f"{path}: 'names' must number the classes 0, 1, 2 and so on, not "
                f'{reprlib.repr(list(names))}'
            )
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise InputError(f"{path}: 'names' must be a list of classes, not {reprlib.repr(names)}")
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name:
            raise InputError(
                f'{path}: class {index} must have a text as its name, not {reprlib.repr(name)} '
                '(quote it)'
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f'{path}: two classes have the name {reprlib.repr(twice)}')
    if data.get('nc', len(names)) != len(names):
        raise InputError(f"{path}: 'nc' is {reprlib.repr(data['nc'])}, 'names' has {len(names)}")
    return tuple(names)
