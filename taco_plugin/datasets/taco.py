"""The TACO data set for MMDetection."""

from pathlib import Path
from typing import Any

from mmdet.datasets import CocoDataset
from mmdet.datasets.api_wrappers import COCO
from mmdet.registry import DATASETS
from mmengine.logging import print_log

from ..coco import KINDS, count_changes, load_for_taxonomy
from ..coco.index import index_coco
from ..errors import InputError
from ..taxonomies import load_taxonomy
from .palette import palette


@DATASETS.register_module()
class TacoDataset(CocoDataset):
    """TACO with the classes of a taxonomy.

    ``ann_file`` is one that ``prepare_taco.py`` wrote, or TACO's own file, which is cleaned and
    mapped to the classes as it is read. Labels follow the order of the taxonomy's classes.
    ``metainfo`` holds ``classes``, ``palette``, ``taxonomy`` and ``ann_file``.

    Args:
        taxonomy: Name of a taxonomy, or path of a CSV with the columns ``category,class``.
        args, kwargs: As for ``CocoDataset``.

    Raises:
        InputError: If the file cannot be read, its categories do not fit the taxonomy, or
            ``metainfo`` names other classes. While loading: if an image is not of the size that
            the file says.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        taxonomy: str = 'detectwaste7',
        metainfo: dict | None = None,
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

    def prepare_data(self, idx: int) -> Any:  # noqa: ANN401
        """Runs the pipeline on an image, and checks the size that it was decoded to."""
        info = self.get_data_info(idx)
        expected = info['height'], info['width']
        data = self.pipeline(info)
        decoded = info.get('ori_shape', expected)
        if tuple(decoded) != expected:
            raise InputError(_wrong_size(info['img_path'], decoded, expected))
        if isinstance(data, dict) and 'gt_bboxes' in data:
            # Loaded by now; MultiImageMixDataset would deep-copy its polygons for each mosaic.
            data.pop('instances', None)
        return data


def _wrong_size(path: str, decoded: tuple[int, int], expected: tuple[int, int]) -> str:
    height, width = decoded
    message = (
        f'{path}: decoded to {width} x {height} px, but the annotation file says '
        f'{expected[1]} x {expected[0]} px'
    )
    if (width, height) == expected:
        return f'{message}; its EXIF rotation looks ignored: load with color_type="color"'
    return f'{message}; prepare_taco.py drops such images, or fetch the original'
