"""Splits a COCO file by image into training, validation and test sets."""

import random
from collections.abc import Collection, Hashable, Sequence
from posixpath import normpath

from ..errors import InputError
from .images import select_images
from .read import Coco

SPLITS = ('train', 'val', 'test')


def split_images(
    coco: Coco,
    test_fraction: float | None,
    val_fraction: float,
    seed: int,
    test_file_names: Collection[str] | None = None,
) -> dict[str, Coco]:
    """Splits by image, so that each class is divided in the same proportions as the images.

    It uses iterative stratification (:func:`stratify`) over the classes of an image; images without
    boxes count as a class of their own. The same input and seed give the same splits on every
    machine. Class balance takes priority: where images hold several classes, split sizes can be off
    by 1 to 2 %. A fraction above 0 gets at least one image.

    Args:
        coco: As :func:`read_coco` returns it. The input is not modified.
        test_fraction: Share of all images, in [0, 1); None if ``test_file_names`` is given.
        val_fraction: Share of all images, in [0, 1). Together with the test split, less than 1.
        seed: Integer.
        test_file_names: The images of the test split. Names that the file lacks are ignored.

    Returns:
        ``train``, ``val`` and ``test``, each a COCO file with all categories and its images in the
        original order. A split with a fraction of 0 has no images.

    Raises:
        InputError: If the fractions are not as described or leave no training image, or two
            images have the same file name and could end up in two splits.
    """
    check_fractions(test_fraction, val_fraction, test_file_names)
    known: set[str] = set()
    for name in (normpath(image['file_name']) for image in coco['images']):
        if name in known:
            raise InputError(
                f'two images have the file name {name!r}: one photograph could be in two splits'
            )
        known.add(name)
    names = {normpath(name) for name in test_file_names or ()}
    images = coco['images']
    fixed = {image['id'] for image in images if normpath(image['file_name']) in names}
    free = [image['id'] for image in images if image['id'] not in fixed]
    sizes = _split_sizes(len(images), len(fixed), test_fraction or 0, val_fraction)
    classes: dict[int, set[int]] = {image_id: set() for image_id in free}
    for annotation in coco['annotations']:
        if annotation['image_id'] in classes:
            classes[annotation['image_id']].add(annotation['category_id'])
    # Sorted, because a set's order could differ between two runs.
    indices = stratify([sorted(ids) or ['no boxes'] for ids in classes.values()], sizes, seed)
    ids: dict[str, set[int]] = {name: set() for name in SPLITS}
    ids['test'] |= fixed
    for image_id, index in zip(free, indices, strict=True):
        ids[SPLITS[index]].add(image_id)
    return {name: select_images(coco, ids[name]) for name in SPLITS}


def stratify(labels: Sequence[Collection[Hashable]], sizes: Sequence[int], seed: int) -> list[int]:
    """Distributes multi-label samples so that each label is split in the same proportions.

    Iterative stratification of `Sechidis et al. 2011
    <https://doi.org/10.1007/978-3-642-23808-6_10>`_: the label with the fewest samples left goes
    first. Each of its samples goes to the split that most needs this label; ties go to the split
    that needs most samples, then to a random one. The library ``iterative-stratification`` is not
    used because it imports scikit-learn, which takes longer than all of ``prepare_taco.py``. With
    only two or three splits to compare, plain Python is faster than NumPy.

    Args:
        labels: Labels of each sample, each once; at least one.
        sizes: Samples that each split should get; their sum is the number of samples.
        seed: For the order of the samples and for random choices between equals.

    Returns:
        Index into ``sizes`` for each sample. Every split of a size above 0 gets a sample.

    Example:
        >>> stratify([['a'], ['a'], ['b'], ['b'], ['b'], ['b']], [3, 3], seed=0).count(1)
        3
    """
    rng = random.Random(seed)
    samples = list(range(len(labels)))
    rng.shuffle(samples)
    members: dict[Hashable, list[int]] = {}
    for sample in samples:
        for label in labels[sample]:
            members.setdefault(label, []).append(sample)
    lacks = {
        label: [len(group) * size / len(labels) for size in sizes]
        for label, group in members.items()
    }
    left = {label: len(group) for label, group in members.items()}
    room = list(sizes)
    splits = [-1] * len(labels)
    while left:
        label = min(left, key=left.__getitem__)
        del left[label]
        for sample in members[label]:
            if splits[sample] == -1:
                chances = [*zip(lacks[label], room, (rng.random() for _ in room), strict=True)]
                splits[sample] = index = chances.index(max(chances))
                room[index] -= 1
                for other in labels[sample]:
                    lacks[other][index] -= 1
                    left[other] = left.get(other, 0) - 1
        left = {other: count for other, count in left.items() if count > 0}
    for index, size in enumerate(sizes):
        if size > 0 and index not in splits:  # happens with few samples
            largest = max(range(len(sizes)), key=splits.count)
            splits[splits.index(largest)] = index
    return splits


def _split_sizes(
    num_images: int, num_fixed: int, test_fraction: float, val_fraction: float
) -> list[int]:
    """Sizes of train, val and the remaining test images, in the order of :data:`SPLITS`."""
    fractions = val_fraction, test_fraction
    val, test = (max(1, round(num_images * share)) if share > 0 else 0 for share in fractions)
    train = num_images - num_fixed - val - test
    if train < 1:
        raise InputError(
            f'{num_images} images leave none for training: {num_fixed + test} are for test and '
            f'{val} for validation (val_fraction is a share of all images)'
        )
    return [train, val, test]


def check_fractions(
    test_fraction: float | None, val_fraction: float, names: Collection[str] | None
) -> None:
    """Raises an InputError unless the arguments are as :func:`split_images` describes them."""
    if (test_fraction is None) == (names is None):
        raise InputError('give either a test_fraction or the file names of the test images')
    for name, fraction in (('test_fraction', test_fraction or 0), ('val_fraction', val_fraction)):
        if not 0 <= fraction < 1:
            raise InputError(f'{name} must be in [0, 1), not {fraction}')
    if (test_fraction or 0) + val_fraction >= 1:
        raise InputError(
            f'test_fraction {test_fraction} and val_fraction {val_fraction} must add up to less '
            'than 1, or no image is left for training'
        )
