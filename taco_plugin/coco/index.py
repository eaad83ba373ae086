"""Hands a COCO dict to pycocotools."""

import contextlib
import io
from collections.abc import Sequence
from typing import TypeVar

from ..errors import InputError
from .read import Coco

Api = TypeVar('Api')


def order_categories(coco: Coco, classes: Sequence[str]) -> Coco:
    """Numbers the categories 1..K in the order of ``classes``.

    MMDetection and pycocotools take their order from the file, or from the ids, and would name
    the wrong class where that is another.

    Raises:
        InputError: If the names of the categories are not those of the classes; shows both lists.

    >>> categories = [{'id': 7, 'name': 'Cup'}, {'id': 2, 'name': 'Can'}]
    >>> boxes = [{'id': 1, 'image_id': 1, 'category_id': 7}]
    >>> coco = {'images': [], 'annotations': boxes, 'categories': categories}
    >>> ordered = order_categories(coco, ['Can', 'Cup'])
    >>> [(category['id'], category['name']) for category in ordered['categories']]
    [(1, 'Can'), (2, 'Cup')]
    >>> ordered['annotations'][0]['category_id']
    2
    """
    categories = {category['name']: category for category in coco['categories']}
    if set(categories) != set(classes):
        raise InputError(
            f'the categories of the file, {list(categories)}, are not the classes {list(classes)}'
        )
    new_ids = {categories[name]['id']: number for number, name in enumerate(classes, start=1)}
    if list(new_ids) == list(new_ids.values()) and list(categories) == list(classes):
        return coco
    return {
        **coco,
        'categories': [
            {**categories[name], 'id': number} for number, name in enumerate(classes, start=1)
        ],
        'annotations': [
            {**annotation, 'category_id': new_ids[annotation['category_id']]}
            for annotation in coco['annotations']
        ],
    }


def index_coco(coco: Coco, api: type[Api]) -> Api:
    """An instance of ``api``, pycocotools' ``COCO`` or MMDetection's, that holds ``coco``."""
    indexed = api()
    indexed.dataset = coco  # type: ignore[attr-defined]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        indexed.createIndex()  # type: ignore[attr-defined]
    # MMDetection's names for pycocotools' indexes; its constructor sets them only for a file.
    indexed.img_ann_map = indexed.imgToAnns  # type: ignore[attr-defined]
    indexed.cat_img_map = indexed.catToImgs  # type: ignore[attr-defined]
    return indexed
