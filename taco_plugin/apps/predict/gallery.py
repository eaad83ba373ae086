"""A web page of all photographs and their detections, with filters and a map."""

import base64
import os
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from PIL import Image
from PIL.ExifTags import GPS, IFD

from ...taxonomies.palette import palette

THUMBNAIL = '.journal/thumbnails/{}.webp'  # waits for the page in the folder of the results
_MAX_BYTES = 20_000  # in base64 and with boxes, 1,000 photographs are then below 30 MB


def make_thumbnail(pixels: np.ndarray) -> bytes:
    """Makes a WebP of at most 20 kB, as large and as good as fits, of BGR, shape (H, W, 3)."""
    for side, quality in product((480, 384, 320, 240, 160, 80), (70, 50, 30)):
        scale = min(1, side / max(pixels.shape))
        size = [max(1, round(length * scale)) for length in pixels.shape[1::-1]]
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        data = cv2.imencode('.webp', pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
        if len(data) <= _MAX_BYTES:
            break
    return data


def read_place(path: str) -> list[float] | None:
    """Reads latitude and longitude of a photograph, in degrees, from its EXIF.

    None if there are none; empty if they are broken, impossible or 0 and 0, as of a camera that
    does not know them.
    """
    with suppress(Exception), Image.open(path) as image:  # Pillow promises no particular error
        gps, place = image.getexif().get_ifd(IFD.GPSInfo), []
        if not {GPS.GPSLatitude, GPS.GPSLongitude} & set(gps):
            return None
        for tag, signs in ((GPS.GPSLatitude, 'NS'), (GPS.GPSLongitude, 'EW')):
            degrees = sum(float(part) / 60**power for power, part in enumerate(gps[tag]))
            sign = signs.index(gps[tag - 1].strip('\0 ').upper())  # its reference stands before it
            place.append(round(degrees, 6) * (1, -1)[sign])
        if abs(place[0]) <= 90 and abs(place[1]) <= 180 and any(place):
            return place
    return []


def make_page(
    rows: Sequence[tuple[str, dict[str, Any]]],
    stems: Sequence[str],
    classes: Sequence[str],
    options: Namespace,
    summary: dict[str, Any],
) -> str:
    """Makes the page as HTML, which needs no network; frames of videos are only counted.

    ``rows`` are the name and the journal's entry of each image, ``stems`` those of the sources.
    """
    from ...web_page import render  # needs Jinja, which nothing else here does

    photographs = []
    for name, row in rows:
        if 'frame' not in row:
            index, percent = row['source'], 100 / np.array(row['size'] * 2)
            thumbnail = Path(options.out, THUMBNAIL.format(index)).read_bytes()
            of = {'name': name, 'size': row['size'], 'place': row['place']}
            of['image'] = base64.b64encode(thumbnail).decode()
            of['link'] = quote(os.fsencode(f'pictures/{stems[index]}.jpg'))
            shares = [(percent * one[2:]).round(2).tolist() for one in row['boxes']]
            objects = zip(row['boxes'], shares, strict=True)
            photographs.append({**of, 'objects': [[*one[:2], *box] for one, box in objects]})
    colors = [f'rgb{color}' for color in palette(len(classes))]
    kinds = [{'name': name, 'color': color} for name, color in zip(classes, colors, strict=True)]
    data = {'classes': kinds, 'photographs': photographs, 'threshold': summary['threshold']}
    of_page = {'data': data, 'frames': len(rows) - len(photographs), 'write': options.write}
    return render(__package__, 'gallery.html.jinja', {**summary, **of_page})
