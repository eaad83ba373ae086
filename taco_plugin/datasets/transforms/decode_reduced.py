"""Decodes a JPEG at a fraction of its size."""

import cv2
import numpy as np

from ...coco.jpeg import Size, jpeg_size

_REDUCED = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}


def decode_reduced(data: bytes, size: Size, needed: Size) -> tuple[np.ndarray, int] | None:
    """Decodes a JPEG at the smallest scale, 1/2, 1/4 or 1/8, that is as large as what is needed.

    libjpeg then computes fewer coefficients of each block, which averages the pixels: a grey value
    of TACO's photographs differs from the true average by 0.2 of 255 on average.

    Args:
        data: A file.
        size: Of the photograph as it is shown, after EXIF rotation.
        needed: The least size of the result, as it is shown.

    Returns:
        The image, shape (H, W, 3), BGR, uint8, upright, and the denominator of its scale. Pixel i
        covers those from i * denominator on, the last of which may lie beyond the photograph: an
        edge is rounded up. None where only a full decode will do, as the result would be too
        small, or the file is no JPEG or of another size than ``size``.
    """
    if jpeg_size(data) not in (size, size[::-1]):
        return None
    for denominator, flag in _REDUCED.items():
        width, height = (-(-edge // denominator) for edge in size)
        is_large_enough = width >= needed[0] and height >= needed[1]
        # Rotation shows in the shape, unless rounding has made a square of what was none.
        if is_large_enough and (width != height or size[0] == size[1]):
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
            is_as_expected = image is not None and image.shape[:2] == (height, width)
            return (np.asarray(image, np.uint8), denominator) if is_as_expected else None
    return None
