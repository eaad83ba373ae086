"""Loads a photograph of TACO, or says why not."""

import cv2
import mmengine.fileio as fileio
from mmcv.transforms import LoadImageFromFile
from mmdet.registry import TRANSFORMS

from ...errors import InputError

_START_OF_SCAN, _END_OF_IMAGE = b'\xff\xda', b'\xff\xd9'


@TRANSFORMS.register_module()
class LoadTacoImage(LoadImageFromFile):
    """MMCV's ``LoadImageFromFile``, which also refuses a file that is cut short.

    OpenCV fills what is missing of a JPEG with grey and says nothing, and a detector learns from
    it. The size is checked against the annotation file by the data set.

    Required keys, added keys and arguments are those of ``LoadImageFromFile``.

    Raises:
        InputError: If the file is missing, cut short, or not an image.
    """

    def transform(self, results: dict) -> dict | None:
        """Adds ``img`` (H, W, 3, BGR, uint8), ``img_shape`` and ``ori_shape``."""
        path = results['img_path']
        try:
            data = fileio.get(path, backend_args=self.backend_args)
        except FileNotFoundError as error:
            raise InputError(f'{path}: no such image; is data_root right?') from error
        if is_truncated_jpeg(data):
            raise InputError(f'{path}: the image is cut short; fetch it again')
        try:
            return super().transform(results)
        except (AssertionError, cv2.error) as error:
            raise InputError(f'{path}: not an image that can be decoded; fetch it again') from error


def is_truncated_jpeg(data: bytes) -> bool:
    """Whether ``data`` begins as a JPEG does but ends before its end-of-image marker.

    The marker is looked for behind the segments that precede the first scan, as a thumbnail among
    them has a marker of its own; within a scan it cannot occur by chance (ITU T.81, B.1.1.5).

    >>> is_truncated_jpeg(bytes.fromhex('ffd8 ffda 0002 1234 ffd9'))
    False
    >>> is_truncated_jpeg(bytes.fromhex('ffd8 ffda 0002 1234'))
    True
    """
    if not data.startswith(b'\xff\xd8'):
        return False
    position = 2
    while position + 4 <= len(data) and data[position : position + 2] != _START_OF_SCAN:
        position += 2 + int.from_bytes(data[position + 2 : position + 4], 'big')
    return data.find(_END_OF_IMAGE, position) < 0
