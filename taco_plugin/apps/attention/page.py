"""A page in one file that shows the map of whatever is clicked on."""

import base64
import io
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from ...web_page import render
from .explanation import Explanation
from .plots import Maps

_LOW, _SPAN = -1.0, 3.0  # what the 16 bits of a place span, as a share of the area


def make_page(title: str, note: str, explanations: Sequence[Explanation]) -> str:
    """The page as HTML, which needs no network and no other file."""
    images = [_describe(one) for one in explanations]
    return render(__package__, 'page.html.jinja', {'title': title, 'note': note, 'images': images})


def _describe(one: Explanation) -> dict[str, Any]:
    file = io.BytesIO()
    assert one.photo.pixels is not None
    Image.fromarray(one.photo.pixels).save(file, 'jpeg', quality=85)
    size = one.photo.size
    boxes = [(of.box.reshape(2, 2) / size).ravel().round(5).tolist() for of in one.detections]
    return {
        'name': one.photo.name,
        'size': size,
        'uri': f'data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}',
        'area': np.divide(one.maps.area, size).round(5).tolist(),
        'detections': [
            {'title': of.title, 'color': f'rgb{of.color}', 'box': box}
            for of, box in zip(one.detections, boxes, strict=True)
        ],
        'points': (one.points / size).round(5).tolist(),
        'maps': pack(one.maps),
        'of_points': None if one.of_points is None else pack(one.of_points),
    }


def pack(maps: Maps) -> dict[str, Any]:
    """Compresses maps: their maxima, float32; places, uint16; weights of their maximum, uint8."""
    shape = maps.weights.shape
    flat = maps.weights.reshape(*shape[:3], math.prod(shape[3:]))
    peaks = flat.max(axis=-1, initial=0, keepdims=True).astype('<f4')
    parts = [peaks, np.rint(255 * flat / np.maximum(peaks, 1e-12)).astype(np.uint8)]
    if maps.places is not None:
        places = np.rint((maps.places - _LOW) / _SPAN * 65535).clip(0, 65535)
        parts.insert(1, places.astype('<u2'))
    packed = base64.b64encode(zlib.compress(b''.join(part.tobytes() for part in parts), 9))
    return {'shape': shape, 'points': maps.places is not None, 'data': packed.decode()}
