"""The TACO data set for MMDetection."""

from functools import partial
from pathlib import Path
from typing import Any

from mmdet.datasets import CocoDataset
from mmdet.datasets.api_wrappers import COCO
from mmdet.registry import DATASETS
from mmengine.logging import print_log

from ..coco import index_coco, load_dataset
from ..errors import InputError
from ..taxonomies import load_taxonomy
from ..taxonomies.palette import palette


@DATASETS.register_module()
class TacoDataset(CocoDataset):
    """TACO with the classes of a taxonomy.

    ``ann_file`` is one that ``prepare_taco.py`` wrote, or TACO's own file, which is cleaned and
    mapped to the classes as it is read. Labels follow the order of the taxonomy's classes.
    ``metainfo`` holds ``classes``, ``palette``, ``taxonomy`` and ``ann_file``.

    Photographs are read from ``data_prefix['img']`` if it is given, else from the folder that the
    annotation file names (see :func:`~taco_plugin.coco.find_image_folder`), else from
    ``data_root``. If ``prepare_taco.py --max-side`` has scaled a photograph, the result of
    :meth:`get_data_info` has ``original_width`` and ``original_height``, in pixels.

    Args:
        taxonomy: Name of a taxonomy, or path of a CSV with the columns ``category,class``.
        data_prefix: As for ``CocoDataset``.
        args, kwargs: As for ``CocoDataset``.

    Attributes:
        is_folder_given: Whether photographs lie in ``data_prefix``, whatever folder the annotation
            file names.

    Raises:
        InputError: If the file cannot be read, its categories do not fit the taxonomy, a file name
            leads out of the folder, or ``metainfo`` names other classes. While loading: if a
            photograph is missing, or its size is not the one in the file.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        taxonomy: str = 'detectwaste7',
        metainfo: dict | None = None,
        data_prefix: dict | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        self.taxonomy = load_taxonomy(taxonomy)
        self._taxonomy_name = taxonomy
        classes = self.taxonomy.classes
        given = tuple((metainfo or {}).get('classes', classes))
        if given != classes:
            raise InputError(
                f'metainfo names the classes {list(given)}, but taxonomy {taxonomy!r} has '
                f'{list(classes)}; leave the classes to the taxonomy'
            )
        metainfo = {'palette': palette(len(classes)), **(metainfo or {}), 'classes': classes}
        data_prefix = {'img': '', **(data_prefix or {})}
        self.is_folder_given = data_prefix['img'] != ''
        super().__init__(*args, metainfo=metainfo, data_prefix=data_prefix, **kwargs)

    def _join_prefix(self) -> None:
        """Also stores in ``metainfo`` what the metric needs to read the ground truth.

        Passed to the constructor, MMEngine would take these strings for names of files.
        """
        super()._join_prefix()
        self._metainfo['ann_file'] = self.ann_file
        self._metainfo['taxonomy'] = self._taxonomy_name

    def COCOAPI(self, annotation_file: str) -> COCO:  # noqa: N802
        """Replaces MMDetection's ``COCO`` class, which would read the file uncleaned."""
        coco, folder = load_dataset(
            annotation_file, self.taxonomy, log=partial(print_log, logger='current')
        )
        if folder is not None and not self.is_folder_given:
            self.data_prefix['img'] = str(folder)
        return index_coco(coco, COCO)

    def filter_data(self) -> list[dict]:
        """Refuses a file of which no image is left."""
        kept = super().filter_data()
        if not kept:
            raise InputError(
                f'{self.ann_file}: none of its {len(self.data_list)} images is left; is it the '
                'right file, and does filter_cfg fit?'
            )
        return kept

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Also keeps the size that the photograph had before ``prepare_taco.py`` scaled it."""
        image = raw_data_info['raw_img_info']
        keys = [key for key in ('original_width', 'original_height') if key in image]
        return super().parse_data_info(raw_data_info) | {key: image[key] for key in keys}

    def prepare_data(self, idx: int) -> Any:  # noqa: ANN401
        """Runs the pipeline on an image, and checks the size of its photograph."""
        info = self.get_data_info(idx)
        path, size = info['img_path'], (info['width'], info['height'])
        if self.backend_args is None and not Path(path).is_file():  # a pipe would block
            raise InputError(
                f'{path}: no such image; is data_root right, or info.image_folder in the '
                'annotation file?'
            )
        try:
            data = self.pipeline(info)
        except Exception as error:
            if 'ori_shape' not in info:  # it is not even loaded
                reason = ' '.join(str(error).split())
                advice = 'prepare_taco.py drops such images'
                raise InputError(f'{path}: cannot be decoded ({reason}); {advice}') from error
            if error.args != ('mask',):
                raise
            message = 'has no segmentations, which the pipeline loads: train a detector of boxes'
            raise InputError(f'{self.ann_file}: {message}') from error
        height, width = info.get('ori_shape', size[::-1])
        if (width, height) != size:
            raise InputError(_describe_size(path, (width, height), size))
        return data


def _describe_size(path: str, decoded: tuple[int, int], annotated: tuple[int, int]) -> str:
    sizes = [f'{width} x {height} px' for width, height in (decoded, annotated)]
    message = f'{path}: decoded to {sizes[0]}, but the annotation file says {sizes[1]}'
    if decoded == annotated[::-1]:
        return f'{message}; its EXIF rotation looks ignored: load with color_type="color"'
    return f'{message}; prepare_taco.py drops such images, or fetch the original'
