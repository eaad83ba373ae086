"""Registers TACO with Detectron2, and loads its photographs."""

import json
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectron2.data import DatasetCatalog, DatasetMapper, MetadataCatalog
from detectron2.data.detection_utils import SizeMismatchError
from detectron2.structures import BoxMode
from PIL import Image

from ..coco import SPLITS, find_image_folder, load_dataset
from ..errors import InputError
from ..images import displayed_size
from ..taxonomies import Taxonomy, load_taxonomy
from ..taxonomies.palette import palette
from .dataset_dicts import make_dataset_dicts

_HEAD = 1 << 16
"""Bytes of an annotation file in which ``info`` is looked for."""

_logger = logging.getLogger(__name__)


def register_taco(
    root: str | Path,
    taxonomy: str = 'detectwaste7',
    name: str = 'taco_{taxonomy}_{split}',
) -> list[str]:
    """Registers TACO in Detectron2's ``DatasetCatalog`` and ``MetadataCatalog``.

    Annotation files are read when Detectron2 asks for the data set, and need not exist before. The
    metadata is there at once: ``thing_classes``, ``thing_colors``, ``json_file``, ``taxonomy``,
    ``thing_dataset_id_to_contiguous_id`` (of the ids 1..K that prepared files have, and to which
    those of TACO's own are mapped), ``evaluator_type``, which is ``taco``, and ``image_root``: the
    folder that the beginning of the file names as ``info.image_folder``, else ``root``. It is set
    again when the file is read.

    Registering the same data set again changes nothing.

    Args:
        root: Folder that ``prepare_taco.py --out`` wrote: registers ``annotations/train.json``,
            ``val.json`` and ``test.json``. Or one annotation file, prepared or TACO's own, which
            is cleaned and mapped to the classes as it is read.
        taxonomy: Name of a taxonomy, or path of a CSV with the columns ``category,class``.
        name: Of each data set; ``{taxonomy}`` is the name of the taxonomy, ``{split}`` that of the
            file without its suffix.

    Returns:
        The names, in the order train, val, test.

    Raises:
        InputError: If there is no such taxonomy, ``name`` gives the splits one name, or another
            data set has the name. When the data set is read: if the file is missing or broken, or
            its categories do not fit the taxonomy.
    """
    classes, root = load_taxonomy(taxonomy), os.path.abspath(root)
    is_file = root.endswith('.json')
    files = [root] if is_file else [f'{root}/annotations/{split}.json' for split in SPLITS]
    loaders: dict[str, _Loader] = {}
    for file in files:
        try:
            full = name.format(taxonomy=classes.name, split=Path(file).stem)
        except (LookupError, ValueError):
            raise InputError(f'name may hold {{taxonomy}} and {{split}}, but is {name!r}') from None
        folder = os.path.dirname(root) if is_file else root
        loaders[full] = _Loader(full, file, folder, taxonomy, classes)
    if len(loaders) < len(files):
        raise InputError(f'name must hold {{split}}, to tell the splits apart, but is {name!r}')
    for full, loader in loaders.items():
        known = DatasetCatalog.data.get(full, loader)
        if known != loader:
            of = f'{known.path}, {known.taxonomy}' if isinstance(known, _Loader) else 'not by us'
            raise InputError(
                f'another data set {full!r} is registered already ({of}); give this one another '
                f'name, or call DatasetCatalog.remove({full!r}) before'
            )
    for full, loader in loaders.items():
        if full not in DatasetCatalog:
            DatasetCatalog.register(full, loader)
            image_root = _read_image_root(loader.path) or loader.default_folder
            loader.set_metadata(image_root, range(1, len(classes.classes) + 1))
    return list(loaders)


@dataclass(frozen=True)
class _Loader:
    """Reads the dicts of a data set."""

    name: str
    path: str
    default_folder: str
    taxonomy: str
    classes: Taxonomy

    def __call__(self) -> list[dict[str, Any]]:
        coco, folder = load_dataset(self.path, self.classes, log=_logger.info)
        image_root = str(folder or self.default_folder)
        self.set_metadata(image_root, [category['id'] for category in coco['categories']])
        return make_dataset_dicts(coco, image_root, BoxMode.XYWH_ABS)

    def set_metadata(self, image_root: str, category_ids: Sequence[int]) -> None:
        """Sets all metadata; Detectron2 would not change what is set already."""
        classes = self.classes.classes
        vars(MetadataCatalog.get(self.name)).update(
            thing_classes=list(classes),
            thing_colors=palette(len(classes)),
            thing_dataset_id_to_contiguous_id={n: k for k, n in enumerate(category_ids)},
            json_file=self.path,
            image_root=image_root,
            evaluator_type='taco',
            taxonomy=self.taxonomy,
        )


def _read_image_root(path: str) -> str | None:
    """Reads ``info.image_folder`` if the file begins with ``info``, as prepared files do."""
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            head = file.read(_HEAD)
        start = re.match(r'\s*{\s*"info"\s*:\s*', head)
        info = json.JSONDecoder().raw_decode(head, start.end())[0] if start else None
    except (OSError, ValueError, RecursionError):
        return None  # the error is raised when the data set is read
    folder = find_image_folder(path, {'info': info})
    return None if folder is None else str(folder)


class TacoDatasetMapper(DatasetMapper):
    """Detectron2's mapper, which says what is wrong with a photograph.

    Raises:
        InputError: If a photograph is missing or damaged, or its size is not the one in the file.
    """

    def __call__(self, dataset_dict: dict[str, Any]) -> dict[str, Any]:
        """Loads the photograph of a data set's dict, and augments it."""
        path = dataset_dict['file_name']
        try:
            return super().__call__(dataset_dict)
        except FileNotFoundError:
            raise InputError(
                f'{path}: no such image; is the folder that was registered right, or '
                'info.image_folder in the annotation file?'
            ) from None
        except OSError as error:
            raise InputError(f'{path}: cannot be read ({error}); fetch it again') from None
        except SizeMismatchError:
            annotated = dataset_dict['width'], dataset_dict['height']
            raise InputError(_describe_size(path, annotated)) from None


def _describe_size(path: str, annotated: tuple[int, int]) -> str:
    with Image.open(path) as image:
        size = displayed_size(image)
    texts = [f'{width} x {height} px' for width, height in (size, annotated)]
    message = f'{path}: is {texts[0]} as displayed, but the annotation file says {texts[1]}'
    if size == annotated[::-1]:
        return f'{message}; annotate the photograph as its EXIF rotation displays it'
    return f'{message}; prepare_taco.py drops such images, or fetch the original'
