"""The photographs of several annotation files: which can be used, and which are alike."""

from collections.abc import Sequence
from functools import partial
from hashlib import file_digest
from pathlib import Path
from posixpath import normpath
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from ...coco import ImageProblem, check_images
from ...command_line import import_extra
from ...errors import InputError
from ...images import map_threads, strict_pillow, turn_upright
from .source import Source

HASH_BITS = 64
MOST_PAIRS = 1000  # that are listed
_DECODED = 256  # JPEG photographs are decoded at the smallest scale that still is this long
_CELLS_AT_ONCE = 4_000_000  # bounds the memory while hashes are compared: some 50 bytes each


def compare_photographs(
    sources: Sequence[Source], folder: str, threshold: int
) -> tuple[list[list[ImageProblem]], dict[str, Any]]:
    """Checks the photographs of files, hashes those that can be decoded, and compares all.

    Returns:
        Why photographs of each file cannot be used, and for the report

        - ``hash``, ``bits``, ``threshold``: the hashes of a pair differ in at most so many bits.
        - ``hashed``: number of different photographs; ``not_hashed``: names of those that failed.
        - ``counts``: of all pairs, ``across_files`` (not both of one and the same file),
          ``within_files``, and ``exact`` (the same, byte for byte) among both.
        - ``pairs``: the first 1000, those across files first, then the closest: ``photographs``,
          two of ``name`` and ``files`` (labels); ``distance`` in bits; ``exact``;
          ``across_files``.

    Raises:
        InputError: If imagehash is not installed, the folder is none, or not a single photograph
            in it can be decoded.
    """
    imagehash = import_extra('imagehash', 'explore')
    problems = [check_images(source.as_read, folder) for source in sources]
    files: dict[str, set[int]] = {}
    for number, (source, of_source) in enumerate(zip(sources, problems, strict=True)):
        lost = {problem.image_id for problem in of_source if problem.kind != 'size_differs'}
        for image in source.as_read['images']:
            if image['id'] not in lost:
                files.setdefault(normpath(image['file_name']), set()).add(number)
    if not files:
        first = problems[0][0]
        raise InputError(
            f'{folder}: not one of the {sum(map(len, problems))} photographs can be decoded; the '
            f'first: {first.file_name!r}, {first.detail} (is --images the folder that holds '
            'batch_1?)'
        )
    paths = [Path(folder, name) for name in files]
    with strict_pillow():
        hash_one = partial(hash_photograph, imagehash)
        results = list(map_threads(hash_one, paths, 'hashing photographs'))
    hashed = {name: pair for name, pair in zip(files, results, strict=True) if pair}
    owners = [min(files[name]) if len(files[name]) == 1 else -1 for name in hashed]
    counts, listed = find_pairs(
        np.array([bits for _, bits in hashed.values()], dtype=np.uint64),
        np.array(owners, dtype=np.int64),
        [digest for digest, _ in hashed.values()],
        threshold=threshold,
    )
    labels = [source.label for source in sources]
    entries = [
        {'name': name, 'files': [labels[number] for number in sorted(files[name])]}
        for name in hashed
    ]
    return problems, {
        'hash': 'phash',
        'bits': HASH_BITS,
        'threshold': threshold,
        'hashed': len(hashed),
        'not_hashed': [name for name in files if name not in hashed],
        'counts': counts,
        'pairs': [
            {
                'photographs': [entries[first], entries[second]],
                'distance': distance,
                'exact': not inexact,
                'across_files': not within,
            }
            for within, distance, inexact, first, second in listed.tolist()
        ],
    }


def hash_photograph(imagehash: ModuleType, path: Path) -> tuple[bytes, int] | None:
    """SHA-256 of a file, and the perceptual hash of the photograph as it is displayed.

    The hash is imagehash's ``phash``: the signs, about their median, of the 64 lowest frequencies
    of its cosine transform. It hardly changes with size, compression, brightness or contrast, but
    does when a photograph is turned, mirrored or cropped. None if it cannot be decoded.
    """
    try:
        with open(path, 'rb') as file:
            digest = file_digest(file, 'sha256').digest()
        with Image.open(path) as image:
            image.draft('L', (_DECODED, _DECODED))
            bits = imagehash.phash(turn_upright(image)).hash
    # As in check_images: Pillow promises no particular error.
    except Exception:  # noqa: BLE001
        return None
    return digest, int.from_bytes(np.packbits(bits).tobytes())


def find_pairs(
    hashes: np.ndarray, owners: np.ndarray, digests: Sequence[bytes], *, threshold: int
) -> tuple[dict[str, int], np.ndarray]:
    """Compares every photograph with every other, a part of them at once.

    Args:
        hashes: Of P photographs, uint64, shape (P,).
        owners: The file that names each, -1 if several do, int64, shape (P,).
        digests: SHA-256 of the bytes of each, P.
        threshold: Bits in which the hashes of a pair may differ.

    Returns:
        The counts for the report; and of at most 1000 pairs the columns ``within_files`` and
        ``distance``, whether the bytes differ, and the two positions, sorted by these, shape
        (N, 5).
    """
    contents = np.unique(np.array(digests), return_inverse=True)[1]
    counts = {'across_files': 0, 'within_files': 0, 'exact': 0}
    listed = np.empty((0, 5), dtype=np.int64)
    step = max(_CELLS_AT_ONCE // max(len(hashes), 1), 1)
    for start in range(0, len(hashes), step):
        distances = np.bitwise_count(hashes[start : start + step, None] ^ hashes[None, start:])
        first, second = np.nonzero(np.triu(distances <= threshold, k=1))
        distance = distances[first, second].astype(np.int64)
        first, second = first + start, second + start
        within = (owners[first] == owners[second]) & (owners[first] >= 0)
        inexact = contents[first] != contents[second]
        counts['across_files'] += int((~within).sum())
        counts['within_files'] += int(within.sum())
        counts['exact'] += int((~inexact).sum())
        new = np.stack([within, distance, inexact, first, second], axis=1)
        listed = np.concatenate([listed, new])
        listed = listed[np.lexsort(listed.T[::-1])[:MOST_PAIRS]]
    return counts, listed
