"""Compares the photographs on disk with what a COCO file says of them."""

from collections.abc import Collection
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
"""What :func:`check_images` finds, and how a report words it."""


@dataclass(frozen=True)
class ImageProblem:
    """Why one photograph cannot be used.

    Args:
        kind: One of :data:`PROBLEMS`.
        image_id: As in the file.
        file_name: As in the file.
        detail: What exactly was found.
    """

    kind: str
    image_id: int
    file_name: str
    detail: str


def check_file_names(coco: Coco) -> list[ImageProblem]:
    """Finds file names that lead out of the image folder, without looking at any folder.

    These are absolute names, names with a drive letter and names with ``..``, each by the rules
    of both POSIX and Windows. A link inside the folder may point anywhere.
    """
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
    detail = f'{width}x{height} on disk, {expected[0]}x{expected[1]} in the file'
    if (height, width) == expected:
        detail += ': swapped, as if one of them ignored the EXIF rotation'
    return problem('size_differs', detail)


def drop_images(coco: Coco, image_ids: Collection[int]) -> Coco:
    """Removes images and all that refers to them; the input is not modified.

    Args:
        coco: As :func:`read_coco` returns it.
        image_ids: Ids of the images to remove.
    """
    dropped = set(image_ids)
    return select_images(coco, {i['id'] for i in coco['images'] if i['id'] not in dropped})


def select_images(coco: Coco, image_ids: Collection[int]) -> Coco:
    """Keeps only some images and the annotations and scene annotations that refer to them.

    Order and everything else stay as they are; the input is not modified.

    Args:
        coco: As :func:`read_coco` returns it.
        image_ids: Ids of the images to keep.

    Example:
        >>> coco = {'images': [{'id': 1}, {'id': 2}], 'annotations': [{'id': 5, 'image_id': 2}]}
        >>> select_images(coco, [1])
        {'images': [{'id': 1}], 'annotations': []}
    """
    kept = set(image_ids)
    selected = {**coco, 'images': [image for image in coco['images'] if image['id'] in kept]}
    for section in ('annotations', 'scene_annotations'):
        if isinstance(coco.get(section), list):
            selected[section] = [entry for entry in coco[section] if _refers_to(entry, kept)]
    return selected


def _refers_to(entry: object, image_ids: set[int]) -> bool:
    image_id = entry.get('image_id') if isinstance(entry, dict) else None
    return isinstance(image_id, int) and image_id in image_ids
