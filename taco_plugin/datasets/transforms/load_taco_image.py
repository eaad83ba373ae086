"""Loads a photograph of TACO, or says why not."""

import cv2
import mmengine.fileio as fileio
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmdet.registry import TRANSFORMS

from ...coco.jpeg import is_truncated_jpeg
from ...errors import InputError
from .decode_reduced import decode_reduced


@TRANSFORMS.register_module()
class LoadTacoImage(LoadImageFromFile):
    """MMCV's ``LoadImageFromFile``, which refuses a file that is cut short, and decodes less.

    OpenCV fills what is missing of a JPEG with grey and says nothing, and a detector learns from
    it. The size is checked against the annotation file by the data set.

    A data set that knows what size the pipeline is about to resize to says so in ``needed_size``:
    then a JPEG is decoded at the smallest scale that is not below it, see
    :func:`~.decode_reduced.decode_reduced`. Without it, as in inference on a single file, all is
    decoded.

    Arguments and required keys are those of ``LoadImageFromFile``. Optional keys, which are
    removed: ``needed_size`` (width, height), which requires ``width`` and ``height``, and
    ``decoded``, the photograph itself as a cache has it, then nothing is read.

    Added keys: ``img`` (H, W, 3, BGR, uint8), ``img_shape``, ``ori_shape`` (of the photograph),
    and, unless it was decoded here in full, ``photo_scale``, by which an x and a y of the
    photograph are multiplied to give those of the image.

    Raises:
        InputError: If the file is missing, cut short, or not an image.
    """

    @property
    def can_decode_less(self) -> bool:
        """Whether the arguments ask for no more than OpenCV's colour image, upright."""
        is_plain = self.color_type == 'color' and self.imdecode_backend == 'cv2'
        return is_plain and not self.ignore_empty

    def transform(self, results: dict) -> dict | None:
        """Adds the image."""
        needed = results.pop('needed_size', None)
        decoded = results.pop('decoded', None)
        if decoded is not None:
            height, width = decoded.shape[:2]
            scale = width / results['width'], height / results['height']
            return self._add_reduced(results, np.array(decoded), scale)
        path = results['img_path']
        try:
            data = fileio.get(path, backend_args=self.backend_args)
        except FileNotFoundError as error:
            raise InputError(f'{path}: no such image; is data_root right?') from error
        if is_truncated_jpeg(data):
            raise InputError(f'{path}: the image is cut short; fetch it again')
        if needed is not None and self.can_decode_less:
            reduced = decode_reduced(data, (results['width'], results['height']), needed)
            if reduced is not None:
                image, denominator = reduced
                return self._add_reduced(results, image, (1 / denominator, 1 / denominator))
        try:
            return super().transform(results)
        except (AssertionError, cv2.error) as error:
            raise InputError(f'{path}: not an image that can be decoded; fetch it again') from error

    def _add_reduced(self, results: dict, image: np.ndarray, scale: tuple[float, float]) -> dict:
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = image.shape[:2]
        results['ori_shape'] = results['height'], results['width']
        results['photo_scale'] = scale
        return results
