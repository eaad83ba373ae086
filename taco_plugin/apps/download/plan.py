"""Which photographs an annotation file asks for, and where they go."""

from dataclasses import dataclass
from pathlib import Path

from ...coco.read import Coco
from .failure import Failure
from .names import Names
from .sizes import SIZES, Size


@dataclass(frozen=True)
class Photo:
    """A photograph that is wanted.

    Args:
        image_id: As in the annotation file.
        file_name: As in the annotation file.
        path: Where it is to lie.
        url: Where it is to come from; not checked yet.
        original: Width and height in pixels by the annotation file, as displayed.
        longest: What the longest side is to be at most, in pixels; None for as photographed.
        is_scaled_at_url: Whether it comes at that size; else it comes at its original size.
    """

    image_id: int
    file_name: str
    path: Path
    url: str
    original: Size
    longest: int | None
    is_scaled_at_url: bool


def plan_photos(coco: Coco, folder: Path, size: str) -> tuple[list[Photo], list[Failure]]:
    """Every photograph of a file, but for those that are refused unasked.

    Args:
        coco: As ``read_coco`` returns it, with ``flickr_url`` and ``flickr_640_url`` of each
            image; one without the latter is asked for at its original size.
        folder: Where the photographs are to lie.
        size: A key of :data:`~.sizes.SIZES`.
    """
    photos, failures = [], []
    names = Names(folder)
    for image in coco['images']:
        scaled = image.get(f'flickr_{size}_url')
        is_scaled_at_url = SIZES[size] is not None and bool(scaled)
        url = scaled if is_scaled_at_url else image.get('flickr_url')
        ids = image['id'], image['file_name'], url if isinstance(url, str) else None
        refusal = names.refuse(image['file_name'])
        if refusal is not None:
            failures.append(Failure(*ids, 'bad_name', refusal))
        elif not isinstance(url, str) or not url:
            failures.append(Failure(*ids, 'bad_address', "the image has no 'flickr_url'"))
        else:
            photos.append(
                Photo(
                    image['id'],
                    image['file_name'],
                    folder / image['file_name'],
                    url,
                    (image['width'], image['height']),
                    SIZES[size],
                    is_scaled_at_url,
                )
            )
    return photos, failures
