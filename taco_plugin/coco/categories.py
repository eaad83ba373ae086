"""Maps the categories of a COCO file to the classes of a taxonomy."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import InputError
from ..taxonomies import Taxonomy
from .clean import KINDS, Change, clean_annotations, count_changes
from .images import check_file_names, find_image_folder
from .read import Coco, read_coco


def remap_categories(coco: Coco, taxonomy: Taxonomy) -> Coco:
    """Replaces the categories with the taxonomy's classes, with ids 1..K in class order.

    Annotations of a category that the taxonomy drops are removed; images stay, with or without
    annotations. A class keeps the supercategory that all its categories share; if they share none,
    it is its own supercategory. The input is not modified.

    Raises:
        InputError: If the taxonomy does not name a category of the file.
    """
    unknown = [name for name in _names(coco) if name not in taxonomy.mapping]
    if unknown:
        raise InputError(
            f'the taxonomy {taxonomy.name} does not name {len(unknown)} of '
            f'{len(coco["categories"])} categories: {", ".join(map(repr, unknown))} '
            '(name each, with an empty class to drop it)'
        )
    class_ids = {name: class_id for class_id, name in enumerate(taxonomy.classes, start=1)}
    new_ids = {
        category['id']: class_ids[name]
        for category in coco['categories']
        if (name := taxonomy.mapping[category['name']]) is not None
    }
    annotations = [
        {**annotation, 'category_id': new_ids[annotation['category_id']]}
        for annotation in coco['annotations']
        if annotation['category_id'] in new_ids
    ]
    parents: dict[int, set[str]] = {class_id: set() for class_id in class_ids.values()}
    for category in coco['categories']:
        if category['id'] in new_ids:
            parent = category.get('supercategory')
            parent = parent if parent and isinstance(parent, str) else category['name']
            parents[new_ids[category['id']]].add(parent)
    categories = [
        {'supercategory': group.pop() if len(group) == 1 else name, 'id': class_id, 'name': name}
        for (name, class_id), group in zip(class_ids.items(), parents.values(), strict=True)
    ]
    return {**coco, 'categories': categories, 'annotations': annotations}


def fit_categories(coco: Coco, taxonomy: Taxonomy) -> Coco:
    """Returns a file whose categories are the classes of a taxonomy.

    A prepared file, whose category names are the taxonomy's classes in their order, is returned
    as it is; TACO's own file is remapped.

    Raises:
        InputError: If the file is neither; the message shows both lists.
    """
    names = _names(coco)
    if names == list(taxonomy.classes):
        return coco
    if names and all(name in taxonomy.mapping for name in names):
        return remap_categories(coco, taxonomy)
    raise InputError(
        f'the categories do not fit the taxonomy {taxonomy.name}: the file has '
        f'{len(names)} ({", ".join(map(repr, names))}), the taxonomy needs its '
        f'{len(taxonomy.classes)} classes in this order '
        f'({", ".join(map(repr, taxonomy.classes))}) or categories that it maps to them'
    )


def load_for_taxonomy(path: str | Path, taxonomy: Taxonomy) -> tuple[Coco, list[Change]]:
    """Reads a file, cleans its annotations and maps its categories to a taxonomy.

    Dataset and metric both load their file through this, so that they see the same annotations
    under the same ids.

    Returns:
        The file, and what :func:`clean_annotations` changed.

    Raises:
        InputError: See :func:`read_coco` and :func:`fit_categories`; the message names the file.
    """
    coco, changes = clean_annotations(read_coco(path))
    try:
        return fit_categories(coco, taxonomy), changes
    except InputError as error:
        raise InputError(f'{path}: {error}') from None


def load_dataset(
    path: str | Path, taxonomy: Taxonomy, log: Callable[[str], object]
) -> tuple[Coco, Path | None]:
    """Reads the file of a data set whose photographs are to be loaded.

    Args:
        path: As for :func:`load_for_taxonomy`.
        taxonomy: Likewise.
        log: Called with a line about what was cleaned, if anything was.

    Returns:
        The file, and :func:`find_image_folder` of it.

    Raises:
        InputError: As :func:`load_for_taxonomy`; if there is no such file; if the name of a
            photograph leads out of its folder.
    """
    if not Path(path).is_file():
        raise InputError(
            f'{path}: no such annotation file; write it with '
            'tools/dataset_converters/prepare_taco.py, or set TACO_DATA_ROOT to its folder'
        )
    coco, changes = load_for_taxonomy(path, taxonomy)
    if changes:
        counts = [f'{KINDS[kind]} ({count})' for kind, count in count_changes(changes).items()]
        log(f'{path}: {"; ".join(counts)}')
    for problem in check_file_names(coco):
        raise InputError(
            f'{path}: the file name {problem.file_name!r} {problem.detail} of the '
            'photographs; prepare_taco.py drops such images'
        )
    return coco, find_image_folder(path, coco)


def order_categories(coco: Coco, classes: Sequence[str]) -> Coco:
    """Numbers the categories 1..K in the order of ``classes``.

    MMDetection and pycocotools order classes as in the file, or by id. If that order differs from
    ``classes``, they would report scores under the wrong names.

    Raises:
        InputError: If the category names are not the class names; the message shows both lists.
    """
    if set(_names(coco)) != set(classes):
        raise InputError(
            f'the categories of the file, {_names(coco)}, are not the classes {list(classes)}'
        )
    return remap_categories(coco, Taxonomy('', tuple(classes), {name: name for name in classes}))


def _names(coco: Coco) -> list[str]:
    return [category['name'] for category in coco['categories']]
