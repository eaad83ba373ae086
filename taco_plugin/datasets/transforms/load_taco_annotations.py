"""Loads boxes and masks at the scale at which the photograph was decoded."""

import numpy as np
import pycocotools.mask as rle_masks
from mmcv.image import imresize
from mmdet.datasets.transforms import LoadAnnotations
from mmdet.registry import TRANSFORMS

Scale = tuple[float, float]


@TRANSFORMS.register_module()
class LoadTacoAnnotations(LoadAnnotations):
    """MMDetection's ``LoadAnnotations`` behind a loader that may have decoded at another scale.

    Boxes and masks are loaded in pixels of the image, if it was not resized since it was decoded,
    else in pixels of the photograph, as the stock class does. Polygons become bitmaps at the
    image's size, without a detour over the photograph's.

    Arguments and keys are those of ``LoadAnnotations``; optional is ``photo_scale``, see
    :class:`~.load_taco_image.LoadTacoImage`.
    """

    def transform(self, results: dict) -> dict:
        """Adds boxes, labels and masks."""
        if 'photo_scale' not in results or 'scale_factor' in results:
            return super().transform(results)
        photograph = {key: results[key] for key in ('instances', 'ori_shape') if key in results}
        scale, shape = results['photo_scale'], results['img_shape']
        results['instances'] = [
            self._scale(instance, scale, shape) for instance in results.get('instances', [])
        ]
        results['ori_shape'] = shape
        loaded = super().transform(results)
        loaded.update(photograph)
        return loaded

    def _scale(self, instance: dict, scale: Scale, shape: tuple[int, int]) -> dict:
        scaled = {**instance, 'bbox': (np.array(instance['bbox']) * (scale * 2)).tolist()}
        if self.with_mask:
            scaled['mask'] = _scale_mask(instance['mask'], scale, shape)
        return scaled


def _scale_mask(mask: list | dict, scale: Scale, shape: tuple[int, int]) -> list | dict:
    """Polygons, or an RLE; what is neither stays, for ``LoadAnnotations`` to ignore."""
    if isinstance(mask, list):
        return [
            (np.reshape(polygon, (-1, 2)) * scale).ravel().tolist()
            for polygon in mask
            if len(polygon) % 2 == 0
        ]
    if not isinstance(mask.get('counts'), list | str | bytes) or 'size' not in mask:
        return mask
    rle = rle_masks.frPyObjects(mask, *mask['size']) if isinstance(mask['counts'], list) else mask
    bitmap = imresize(rle_masks.decode(rle), shape[::-1], interpolation='nearest')
    rle = rle_masks.encode(np.asfortranarray(bitmap))
    return {**rle, 'counts': rle['counts'].decode()}
