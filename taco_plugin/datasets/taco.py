"""The TACO data set for MMDetection."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import Compose
from mmdet.datasets import CocoDataset
from mmdet.datasets.api_wrappers import COCO
from mmdet.registry import DATASETS
from mmengine.logging import print_log

from ..coco import KINDS, count_changes, load_for_taxonomy
from ..coco.index import index_coco
from ..errors import InputError
from ..taxonomies import load_taxonomy
from ..taxonomies.palette import palette
from .decoded_cache import DecodedCache, Photograph, open_cache
from .input_size import Fit, NoResizeError, UnknownInputSizeError, find_fits, needed_size


@DATASETS.register_module()
class TacoDataset(CocoDataset):
    """TACO with the classes of a taxonomy.

    ``ann_file`` is one that ``prepare_taco.py`` wrote, or TACO's own file, which is cleaned and
    mapped to the classes as it is read. Labels follow the order of the taxonomy's classes.
    ``metainfo`` holds ``classes``, ``palette``, ``taxonomy`` and ``ann_file``.

    Photographs are decoded no larger than the first resize of the pipeline needs them, see
    :func:`~.input_size.find_fits`; ``ori_shape`` and ``scale_factor`` stay those of the whole
    photograph. With ``cache_dir`` they are decoded once, at just that size, and then mapped to
    memory, see :func:`~.decoded_cache.open_cache`.

    Args:
        taxonomy: Name of a taxonomy, or path of a CSV with the columns ``category,class``.
        cache_dir: Folder for decoded photographs; None for no cache.
        cache_limit_gb: Of all that is in this folder, in 10^9 bytes.
        args, kwargs: As for ``CocoDataset``.

    Raises:
        InputError: If the file cannot be read, its categories do not fit the taxonomy, or
            ``metainfo`` names other classes; if the cache is asked for more than it can hold.
            While loading: if an image is not of the size that the file says, or is to come from
            a cache although the pipeline does not tell at what size.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        taxonomy: str = 'detectwaste7',
        metainfo: dict | None = None,
        cache_dir: str | None = None,
        cache_limit_gb: float = 20,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        self.taxonomy = load_taxonomy(taxonomy)
        self._taxonomy_name = taxonomy
        self._cache_dir, self._cache_limit_gb = cache_dir, cache_limit_gb
        self._outer_transforms: list[Callable] = []
        classes = self.taxonomy.classes
        given = tuple((metainfo or {}).get('classes', classes))
        if given != classes:
            raise InputError(
                f'metainfo names the classes {list(given)}, but taxonomy {taxonomy!r} has '
                f'{list(classes)}; leave the classes to the taxonomy'
            )
        metainfo = {'palette': palette(len(classes)), **(metainfo or {}), 'classes': classes}
        super().__init__(*args, metainfo=metainfo, **kwargs)

    def _join_prefix(self) -> None:
        """Also notes what the metric reads the ground truth by.

        Given to the constructor, MMEngine would take such a string for the name of a file.
        """
        super()._join_prefix()
        self._metainfo['ann_file'] = self.ann_file
        self._metainfo['taxonomy'] = self._taxonomy_name

    def COCOAPI(self, annotation_file: str) -> COCO:  # noqa: N802
        """Stands in for the class of that name, which would read the file as it is."""
        if not Path(annotation_file).is_file():
            raise InputError(
                f'{annotation_file}: no such annotation file; write it with '
                'tools/dataset_converters/prepare_taco.py, or set TACO_DATA_ROOT to its folder'
            )
        coco, changes = load_for_taxonomy(annotation_file, self.taxonomy)
        if changes:
            counts = [f'{KINDS[kind]} ({count})' for kind, count in count_changes(changes).items()]
            print_log(f'{annotation_file}: {"; ".join(counts)}', logger='current')
        return index_coco(coco, COCO)

    @property
    def pipeline(self) -> Compose:
        """The transforms; hooks exchange them during training."""
        return self._pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Compose) -> None:
        self._pipeline = pipeline
        self._plan_loading()

    def set_outer_transforms(self, transforms: Sequence[Callable]) -> None:
        """Tells what a wrapper does to the results of the pipeline."""
        self._outer_transforms = list(transforms)
        self._plan_loading()

    def full_init(self) -> None:
        """Reads the annotations, and opens the cache."""
        if not self._fully_initialized:
            super().full_init()
            self._plan_loading()

    def _plan_loading(self) -> None:
        """Finds out what size the pipeline asks for."""
        self._fits: list[Fit] = []
        self._cache: DecodedCache | None = None
        self._needs_whole = ''
        if not self._fully_initialized:
            return
        try:
            self._fits = find_fits([*self.pipeline.transforms, *self._outer_transforms])
        except UnknownInputSizeError as error:
            self._needs_whole = str(error)
            if not isinstance(error, NoResizeError):
                print_log(f'{self.ann_file}: decodes whole photographs: {error}', 'current')
        else:
            if self._cache_dir is not None:
                self._open_cache(self._cache_dir)

    def _open_cache(self, folder: str) -> None:
        infos = [self.get_data_info(index) for index in range(len(self))]
        infos_of = {info['img_path']: info for info in infos}
        photographs = [
            Photograph(path, needed_size(self._fits, info['width'], info['height']))
            for path, info in infos_of.items()
        ]
        loader = self.pipeline.transforms[0]

        def decode(photograph: Photograph) -> np.ndarray:
            results = {'img_path': photograph.path}
            image = loader(results)['img'].astype(np.uint8, copy=False)
            _check_size(results, infos_of[photograph.path])
            return cv2.resize(image, photograph.size, interpolation=cv2.INTER_AREA)

        name, limit = Path(self.ann_file).stem, self._cache_limit_gb * 1e9
        self._cache = open_cache(folder, name, photographs, decode, limit)

    def prepare_data(self, idx: int) -> Any:  # noqa: ANN401
        """Runs the pipeline on an image, and checks the size of its photograph."""
        info = self.get_data_info(idx)
        expected = {key: info[key] for key in ('img_path', 'width', 'height')}
        if self._cache is not None:
            info['decoded'] = self._cache[info['img_path']]
        elif self._cache_dir is not None:
            raise InputError(f'cache_dir cannot keep whole photographs: {self._needs_whole}')
        elif self._fits:
            info['needed_size'] = needed_size(self._fits, info['width'], info['height'])
        data = self.pipeline(info)
        _check_size(info, expected)
        if isinstance(data, dict) and 'photo_scale' in info:
            _make_scale_factor_total(data, info['photo_scale'])
        if isinstance(data, dict) and 'gt_bboxes' in data:
            # Loaded by now; MultiImageMixDataset would deep-copy its polygons for each mosaic.
            data.pop('instances', None)
        return data


def _make_scale_factor_total(data: dict, photo_scale: tuple[float, float]) -> None:
    """Makes ``scale_factor``, by which detectors map back, relative to the whole photograph."""

    def total(factors: tuple[float, float]) -> tuple[float, float]:
        return factors[0] * photo_scale[0], factors[1] * photo_scale[1]

    sample = data.get('data_samples')
    if sample is not None and 'scale_factor' in sample:
        sample.set_metainfo({'scale_factor': total(sample.scale_factor)})
    elif 'scale_factor' in data:
        data['scale_factor'] = total(data['scale_factor'])


def _check_size(results: dict, info: dict) -> None:
    """Compares what was decoded with what the annotation file says."""
    expected = info['height'], info['width']
    height, width = results.get('ori_shape', expected)
    if (height, width) == expected:
        return
    message = (
        f'{info["img_path"]}: decoded to {width} x {height} px, but the annotation file says '
        f'{expected[1]} x {expected[0]} px'
    )
    if (width, height) == expected:
        raise InputError(
            f'{message}; its EXIF rotation looks ignored: load with color_type="color"'
        )
    raise InputError(f'{message}; prepare_taco.py drops such images, or fetch the original')
