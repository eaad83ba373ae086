"""Finds the images of a YOLO data set as its trainers do, but none outside its folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from ...errors import InputError
from .data import IMAGE_SUFFIXES
from .images import open_file

_MOST_FILES = 10**6
_LARGEST_LIST = 2**28  # bytes: a million names of 256


def find_images(source: str, base: Path, root: Path) -> list[str]:
    """The images that one entry of a split names.

    Args:
        source: A folder, searched with all folders in it, or a ``.txt`` file of names. Names in it
            are relative to the file's folder.
        base: Folder that ``source`` is relative to.
        root: Folder that all images must lie in. ``source`` is looked for there if it is not in
            ``base``, also without the ``../`` that Roboflow puts before it.

    Returns:
        Absolute paths; those of a folder sorted. Hidden files, and those that no trainer looks
        for, are left out of a folder.

    Raises:
        InputError: If there is no such source, or an image lies outside of ``root``.
    """
    places = [base / source, root / source, root / source.removeprefix('../')]
    paths = [Path(os.path.normpath(place)) for place in places]
    path = next((path for path in paths if path.exists() and path.is_relative_to(root)), None)
    if path is None:
        raise InputError(
            f'{source!r} of data.yaml: no such folder or .txt file in {root} (name the folder that '
            'holds all images with --images)'
        )
    return sorted(_walk(path, set())) if path.is_dir() else list(_read_list(path, root))


def _walk(folder: Path, seen: set[str]) -> Iterator[str]:
    count = 0
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith('.')]
        count += len(files) + len(folders)
        if count > _MOST_FILES:
            raise InputError(f'{folder}: holds over a million files; name the folder of the images')
        for name in files:
            if not name.startswith('.') and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
                yield os.path.join(place, name)


def _read_list(path: Path, root: Path) -> Iterator[str]:
    try:
        with open_file(path) as file:
            text = file.read(_LARGEST_LIST).decode('utf-8-sig')
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    except UnicodeDecodeError:
        raise InputError(f'{path}: not a list of images (not even text)') from None
    for number, line in enumerate(text.splitlines(), start=1):
        if name := line.strip():
            image = Path(os.path.normpath(path.parent / name))
            if not image.is_relative_to(root):
                raise InputError(
                    f'{path}, line {number}: {name[:200]!r} lies outside of {root} (name the '
                    'folder that holds all images with --images)'
                )
            yield str(image)
