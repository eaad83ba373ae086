"""Scales a COCO file to photographs whose longest side is bounded."""

from collections.abc import Sequence

from ..errors import InputError
from .clean import clip_box
from .read import Coco

_JPEG_SUFFIXES = '.jpg', '.jpeg'


def shrunk_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Width and height in the same ratio, as far as whole pixels allow, within ``max_side``.

    >>> shrunk_size(4000, 3001, 1280)
    (1280, 960)
    >>> shrunk_size(640, 480, 1280)
    (640, 480)
    """
    factor = min(1, max_side / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def shrink_images(coco: Coco, max_side: int) -> Coco:
    """Scales images, boxes, polygons and areas; the input is not modified.

    Width and height have a factor each, that of their whole pixels, so that what touches the
    edge of a photograph still does. An image that is scaled gets ``original_width`` and
    ``original_height``, and a name that ends in ``.jpg`` if it was no JPEG's.

    Args:
        coco: Clean, as :func:`clean_annotations` returns it.
        max_side: Bound of the longest side, in pixels.

    Raises:
        InputError: If an image to be scaled has a mask that is not made of polygons, or two
            images would get the same name.

    Example:
        >>> image = {'id': 1, 'file_name': 'a.jpg', 'width': 400, 'height': 300}
        >>> box = {'image_id': 1, 'bbox': [40, 30, 20, 10], 'area': 200}
        >>> small = shrink_images({'images': [image], 'annotations': [box]}, max_side=100)
        >>> small['annotations']
        [{'image_id': 1, 'bbox': [10.0, 7.5, 5.0, 2.5], 'area': 12.5}]
    """
    images = [_shrink_image(image, max_side) for image in coco['images']]
    _check_names(coco['images'], images)
    sizes = {image['id']: (image['width'], image['height']) for image in images}
    originals = {image['id']: (image['width'], image['height']) for image in coco['images']}
    return {
        **coco,
        'images': images,
        'annotations': [
            _shrink_annotation(
                annotation, originals[annotation['image_id']], sizes[annotation['image_id']]
            )
            for annotation in coco['annotations']
        ],
    }


def _shrink_image(image: dict, max_side: int) -> dict:
    width, height = shrunk_size(image['width'], image['height'], max_side)
    if (width, height) == (image['width'], image['height']):
        return image
    name = image['file_name']
    return {
        **image,
        'file_name': name if name.lower().endswith(_JPEG_SUFFIXES) else f'{name}.jpg',
        'width': width,
        'height': height,
        'original_width': image['width'],
        'original_height': image['height'],
    }


def _check_names(before: Sequence[dict], after: Sequence[dict]) -> None:
    sources: dict[str, str] = {}
    for old, new in zip(before, after, strict=True):
        source = sources.setdefault(new['file_name'], old['file_name'])
        if source != old['file_name']:
            raise InputError(
                f'{source!r} and {old["file_name"]!r} would both become {new["file_name"]!r}; '
                'rename one of them'
            )


def _shrink_annotation(annotation: dict, old: tuple[int, int], new: tuple[int, int]) -> dict:
    if old == new:
        return annotation
    across, down = new[0] / old[0], new[1] / old[1]
    x, y, w, h = annotation['bbox']
    box = [x * across, y * down, w * across, h * down]
    scaled = {**annotation, 'bbox': clip_box(box, *new) or box}  # rounding may lead it outside
    if 'area' in annotation:
        scaled['area'] = annotation['area'] * across * down
    if annotation.get('segmentation'):
        scaled['segmentation'] = _shrink_polygons(annotation, (across, down))
    return scaled


def _shrink_polygons(annotation: dict, factors: tuple[float, float]) -> list[list[float]]:
    polygons = annotation['segmentation']
    if not isinstance(polygons, list):
        raise InputError(
            f'annotation {annotation["id"]} has a run-length mask, which --max-side cannot scale; '
            'give polygons'
        )
    return [
        [coordinate * factors[index % 2] for index, coordinate in enumerate(polygon)]
        for polygon in polygons
    ]
