"""What size a photograph is to have."""

from collections.abc import Mapping

from ...coco.read import Coco, is_number
from ...errors import InputError

SIZES = {'original': None, '640': 640}
"""What ``--size`` offers: pixels of the longest side, None for as photographed."""

Size = tuple[int, int]  # width, height


def fit_size(size: Size, longest: int | None) -> Size:
    """Scales a size down, never up, so that its longest side is at most ``longest`` pixels.

    >>> fit_size((3000, 4000), 640)
    (480, 640)
    >>> fit_size((600, 400), 640)
    (600, 400)
    """
    if longest is None or max(size) <= longest:
        return size
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def is_size(found: Size, original: Size, longest: int | None) -> bool:
    """Whether ``found`` is ``original`` scaled down to ``longest``.

    A size that was scaled may be off by one pixel, as others round differently.
    """
    expected = fit_size(original, longest)
    if expected == original:
        return found == original
    return all(abs(a - b) <= 1 for a, b in zip(found, expected, strict=True))


def check_scalable(coco: Coco) -> None:
    """Checks that :func:`scale_annotations` can scale a file.

    Raises:
        InputError: If a mask is run-length encoded; names the annotation.
    """
    for annotation in coco['annotations']:
        if isinstance(annotation.get('segmentation'), dict):
            raise InputError(
                f'annotation {annotation["id"]} has a run-length encoded mask, which cannot be '
                'scaled: use --size original'
            )


def scale_annotations(coco: Coco, sizes: Mapping[int, Size]) -> Coco:
    """Scales images, boxes, polygons and areas to the sizes that photographs have.

    Coordinates are rounded to thousandths of a pixel; all else stays as it is, defects too. The
    input is not modified.

    Args:
        coco: A file that :func:`check_scalable` has passed.
        sizes: Width and height in pixels by image id, for every image.

    Example:
        >>> box = {'id': 1, 'image_id': 5, 'bbox': [10, 20, 30, 40], 'area': 1000}
        >>> images = [{'id': 5, 'width': 200, 'height': 100}]
        >>> scaled = scale_annotations({'images': images, 'annotations': [box]}, {5: (100, 50)})
        >>> scaled['annotations']
        [{'id': 1, 'image_id': 5, 'bbox': [5.0, 10.0, 15.0, 20.0], 'area': 250.0}]
        >>> scaled['images']
        [{'id': 5, 'width': 100, 'height': 50}]
    """
    scales = {
        image['id']: (
            sizes[image['id']][0] / image['width'],
            sizes[image['id']][1] / image['height'],
        )
        for image in coco['images']
    }
    images = [
        {**image, 'width': sizes[image['id']][0], 'height': sizes[image['id']][1]}
        for image in coco['images']
    ]
    annotations = [
        _scale(annotation, scales[annotation['image_id']])
        if annotation['image_id'] in scales
        else annotation
        for annotation in coco['annotations']
    ]
    return {**coco, 'images': images, 'annotations': annotations}


def _scale(annotation: dict, scale: tuple[float, float]) -> dict:
    scaled = {**annotation, 'bbox': _scale_points(annotation['bbox'], scale)}
    if annotation.get('segmentation'):
        scaled['segmentation'] = [
            _scale_points(polygon, scale) for polygon in annotation['segmentation']
        ]
    if is_number(annotation.get('area')):
        scaled['area'] = round(annotation['area'] * scale[0] * scale[1], 3)
    return scaled


def _scale_points(values: list[float], scale: tuple[float, float]) -> list[float]:
    """Of ``x, y, x, y, ...``, which a box ``xywh`` is too."""
    return [round(value * scale[index % 2], 3) for index, value in enumerate(values)]
