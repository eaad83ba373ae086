"""Writes what belongs to one image: its picture, its crops, its labels; and films."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from ...errors import InputError
from ...files import stage_folder
from ...runtime.prediction import Prediction
from ...taxonomies.palette import palette
from .gallery import THUMBNAIL, make_thumbnail, read_place
from .picture import draw_prediction
from .reading import Item

NEED_PIXELS = {'pictures', 'crops', 'gallery'}
_QUALITY = 90


def write_image(out: str, item: Item, kinds: Sequence[str], classes: Sequence[str]) -> None:
    """Writes the files of an image that was predicted into a folder, all or none.

    The picture of a frame is stored in the item instead, as is the place of a photograph.

    Args:
        out: The folder.
        item: A photograph or a frame.
        kinds: What to write: ``pictures``, ``crops``, ``yolo``, ``gallery``; others are ignored.
        classes: Name of each class.
    """
    stem, files, prediction = item.source.stem, dict[str, bytes | str](), item.prediction
    assert prediction is not None
    if item.frame is not None:
        stem += f'/{item.frame:06}'
    if 'yolo' in kinds:
        files[f'yolo/labels/{stem}.txt'] = format_labels(prediction).encode()
        if item.frame is None:
            path = os.path.abspath(item.source.path)
            files[f'yolo/images/{stem}{os.path.splitext(path)[1]}'] = path
    for number, (*_, x, y, width, height) in enumerate(prediction['boxes'], start=1):
        if 'crops' in kinds and item.pixels is not None:
            rows, columns = slice(int(y), int(y + height) + 1), slice(int(x), int(x + width) + 1)
            files[f'crops/{stem}_{number}.jpg'] = _encode(item.pixels[rows, columns])
    if 'pictures' in kinds and item.pixels is not None:
        picture = draw_prediction(item.pixels, prediction, classes, palette(len(classes)))
        if item.frame is None:
            files[f'pictures/{stem}.jpg'] = _encode(picture)
        else:
            item.picture = picture
    if 'gallery' in kinds and item.pixels is not None and item.frame is None:
        files[THUMBNAIL.format(item.index)] = make_thumbnail(item.pixels)
        prediction['place'] = read_place(item.source.path)
    if files:
        with stage_folder(out) as stage:
            for name, content in files.items():
                place = stage / name
                place.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, str):
                    place.symlink_to(content)
                else:
                    place.write_bytes(content)


def _encode(pixels: np.ndarray) -> bytes:
    return cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def format_labels(prediction: Prediction) -> str:
    r"""Lines of YOLO's format: class, then centre and size as shares of the image.

    >>> format_labels({'size': [100, 80], 'boxes': [[3, 0.9, 10, 20, 30, 40]]})
    '3 0.25 0.5 0.3 0.5\n'
    """
    width, height = prediction['size']
    lines = []
    for label, _, x, y, w, h in prediction['boxes']:
        shares = (x + w / 2) / width, (y + h / 2) / height, w / width, h / height
        lines.append(' '.join([str(label), *(f'{share:.8g}' for share in shares)]) + '\n')
    return ''.join(lines)


class Film(ExitStack):
    """The pictures of a video as a video, which appears when it is finished.

    It is a context; after an error, nothing is left of it.
    """

    _writer: cv2.VideoWriter | None = None

    def append(self, item: Item, out: str) -> None:
        """Adds the picture of a frame to the film in ``pictures`` in ``out``."""
        assert item.picture is not None
        if self._writer is None:
            place = Path(self.enter_context(stage_folder(out)), 'pictures', item.source.stem)
            place.parent.mkdir(parents=True)
            kind, size = cv2.VideoWriter.fourcc(*'mp4v'), item.picture.shape[1::-1]
            self._writer = cv2.VideoWriter(f'{place}.mp4', kind, item.rate, size)
            self.callback(self._writer.release)
            if not self._writer.isOpened():
                raise InputError(f'{item.source.name}: OpenCV cannot write a video of it')
        self._writer.write(item.picture)

    def finish(self) -> None:
        """Moves the film to its place, if there is any."""
        self._writer = None
        self.close()
