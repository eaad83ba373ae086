"""Compares the photographs on disk with what a COCO file says about them."""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..images import decode_size, leads_outside, map_threads, strict_pillow
from .read import Coco

PROBLEMS = {
    'outside_folder': 'file names that lead out of the image folder',
    'missing': 'photographs missing',
    'unreadable': 'photographs unreadable',
    'size_differs': 'photographs whose size differs from the file',
}
"""Problems that :func:`check_images` finds, and their descriptions in reports."""


@dataclass(frozen=True)
class ImageProblem:
    """Why one photograph of a file cannot be used: one of :data:`PROBLEMS`, and the details."""

    kind: str
    image_id: int
    file_name: str
    detail: str


def name_image_folder(image_dir: str | Path, annotation_dir: str | Path) -> str:
    """Path to store as ``info.image_folder`` in an annotation file in ``annotation_dir``.

    It is relative to ``annotation_dir``, so that both folders can be moved together. If they share
    no folder but the root, it is absolute. Links are followed.

    >>> name_image_folder('/data/taco', '/data/prepared/annotations')
    '../../taco'
    >>> name_image_folder('/taco', '/data/annotations')
    '/taco'
    """
    images, annotations = Path(image_dir).resolve(), Path(annotation_dir).resolve()
    if images.parts[:2] != annotations.parts[:2]:
        return images.as_posix()
    return Path(os.path.relpath(images, annotations)).as_posix()


def find_image_folder(path: str | Path, coco: Coco) -> Path | None:
    """Folder of the photographs of the annotation file ``path``, see :func:`name_image_folder`.

    Returns:
        An absolute path, which need not exist; None if the file names no folder.

    Raises:
        InputError: If ``info.image_folder`` is not a string.
    """
    info = coco.get('info')
    folder = info.get('image_folder') if isinstance(info, dict) else None
    if folder is None:
        return None
    if not isinstance(folder, str):
        raise InputError(f'{path}: info.image_folder must be a text')
    # Resolve links first: the path was written relative to the resolved folder, and has '..'.
    return Path(os.path.normpath(Path(path).parent.resolve() / folder))


def check_file_names(coco: Coco) -> list[ImageProblem]:
    """Finds file names for which :func:`leads_outside` holds; nothing is read from disk."""
    return [
        ImageProblem('outside_folder', image['id'], image['file_name'], 'leads out of the folder')
        for image in coco['images']
        if leads_outside(image['file_name'])
    ]


def check_images(coco: Coco, image_dir: str | Path) -> list[ImageProblem]:
    """Decodes every photograph and compares its size with the file's.

    The size is that of the displayed photograph, after EXIF rotation, to which TACO's annotations
    refer. JPEG photographs are decoded completely but at an eighth of their size. A photograph of
    more pixels than ``PIL.Image.MAX_IMAGE_PIXELS`` counts as unreadable. Progress is shown on
    stderr after two seconds.

    Args:
        coco: As :func:`read_coco` returns it.
        image_dir: Folder that the file names are relative to.

    Returns:
        At most one problem per image, in the order of the images.

    Raises:
        InputError: If ``image_dir`` is not a folder.
    """
    folder = Path(image_dir)
    if not folder.is_dir():
        raise InputError(f'{image_dir}: the image folder does not exist or is no folder')
    with strict_pillow():
        found = map_threads(
            lambda image: _check_image(image, folder), coco['images'], 'checking photographs'
        )
        return [problem for problem in found if problem is not None]


def _check_image(image: dict, folder: Path) -> ImageProblem | None:
    def problem(kind: str, detail: str) -> ImageProblem:
        return ImageProblem(kind, image['id'], image['file_name'], detail)

    if leads_outside(image['file_name']):
        return problem('outside_folder', 'leads out of the folder')
    try:
        width, height = decode_size(folder / image['file_name'])
    except FileNotFoundError:
        return problem('missing', 'no such file')
    # A damaged file can raise anything in Pillow: its decoders promise no particular error.
    except Exception as error:  # noqa: BLE001
        return problem('unreadable', str(error) or type(error).__name__)
    expected = image['width'], image['height']
    if (width, height) == expected:
        return None
    detail = f'{width}x{height} on disk, {image["width"]}x{image["height"]} in the file'
    if (height, width) == expected:
        detail += ': swapped, as if one of them ignored the EXIF rotation'
    return problem('size_differs', detail)


def count_problems(problems: Sequence[ImageProblem]) -> dict[str, int]:
    """Number of problems by kind, in the order of :data:`PROBLEMS`; only kinds that occur."""
    counts = Counter(problem.kind for problem in problems)
    return {kind: counts[kind] for kind in PROBLEMS if counts[kind]}


def select_images(coco: Coco, image_ids: Collection[int]) -> Coco:
    """Keeps only some images and the annotations and scene annotations that refer to them.

    Order and everything else stay as they are; the input is not modified.

    Example:
        >>> select_images({'images': [{'id': 1}], 'annotations': [{'image_id': 2}]}, [1])
        {'images': [{'id': 1}], 'annotations': []}
    """
    kept = set(image_ids)

    def select(section: str, key: str) -> list:
        entries = [entry for entry in coco[section] if isinstance(entry, dict)]
        return [e for e in entries if isinstance(e.get(key), int) and e[key] in kept]

    selected = {**coco, 'images': select('images', 'id')}
    for section in ('annotations', 'scene_annotations'):
        if isinstance(coco.get(section), list):
            selected[section] = select(section, 'image_id')
    return selected
