"""The photographs of several annotation files: which can be used, and a hash of each."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from posixpath import normpath

import imagehash
import numpy as np
from PIL import Image
from PIL.Image import Transpose
from tqdm import tqdm

from ...coco import ImageProblem, check_images
from ...errors import InputError
from .source import Source

HASH_BITS = 64
_HASH_SIDE = 8
_DECODED = 256
"""JPEG photographs are decoded at the smallest scale that still is this long."""

_ORIENTATION_TAG = 0x0112  # EXIF
_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs that were hashed, one per row, each once however many files name it.

    Args:
        names: File names, relative to the folder, P.
        files: Which of the F files name it, bool, shape (P, F).
        digests: SHA-256 of the bytes of each, P.
        hashes: 64 bits of the perceptual hash, uint64, shape (P,).
        problems: Of each file, why photographs cannot be used, F.
        not_hashed: Names of those that can be decoded, but not hashed.
    """

    names: list[str]
    files: np.ndarray
    digests: list[bytes]
    hashes: np.ndarray
    problems: list[list[ImageProblem]]
    not_hashed: list[str]


def read_photographs(sources: Sequence[Source], folder: str | Path) -> Photographs:
    """Checks the photographs and hashes those that can be decoded, several at a time.

    Progress is shown on stderr after two seconds.

    Args:
        sources: F annotation files.
        folder: Their file names are relative to it.

    Raises:
        InputError: If the folder is none, or not a single photograph in it can be decoded.
    """
    problems = [check_images(source.coco, folder) for source in sources]
    files: dict[str, set[int]] = {}
    for number, (source, of_source) in enumerate(zip(sources, problems, strict=True)):
        lost = {problem.image_id for problem in of_source if problem.kind != 'size_differs'}
        for image in source.coco['images']:
            if image['id'] not in lost:
                files.setdefault(normpath(image['file_name']), set()).add(number)
    if not files:
        first = problems[0][0]
        raise InputError(
            f'{folder}: not one of the {sum(map(len, problems))} photographs can be decoded; the '
            f'first: {first.file_name!r}, {first.detail} (is --images the folder that holds '
            'batch_1?)'
        )
    hashed = _hash_all(list(files), Path(folder))
    names = [name for name, found in hashed.items() if found]
    named = [[number in files[name] for number in range(len(sources))] for name in names]
    found = [pair for pair in hashed.values() if pair]
    return Photographs(
        names=names,
        files=np.array(named, dtype=bool).reshape(-1, len(sources)),
        digests=[digest for digest, _ in found],
        hashes=np.array([bits for _, bits in found], dtype=np.uint64),
        problems=problems,
        not_hashed=[name for name, pair in hashed.items() if not pair],
    )


def _hash_all(names: list[str], folder: Path) -> dict[str, tuple[bytes, int] | None]:
    def hash_one(name: str) -> tuple[bytes, int] | None:
        try:
            return hash_photograph(folder / name)
        # As in check_images: Pillow promises no particular error.
        except Exception:  # noqa: BLE001
            return None

    pool = ThreadPoolExecutor()
    try:
        found = pool.map(hash_one, names)
        bar = tqdm(found, 'hashing photographs', len(names), delay=2, mininterval=0.5)
        return dict(zip(names, bar, strict=True))
    finally:
        pool.shutdown(cancel_futures=True)  # or Ctrl+C would wait for all photographs


def hash_photograph(path: Path) -> tuple[bytes, int]:
    """SHA-256 of a file, and the perceptual hash of the photograph as it is displayed.

    The hash is imagehash's ``phash``: the signs, about their median, of the 64 lowest frequencies
    of its cosine transform. It hardly changes with size, compression, brightness or contrast, but
    does when a photograph is turned, mirrored or cropped.
    """
    with open(path, 'rb') as file:
        digest = file_digest(file, 'sha256').digest()
    with Image.open(path) as image:
        image.draft('L', (_DECODED, _DECODED))
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
        upright = image if turn is None else image.transpose(turn)
        bits = imagehash.phash(upright, hash_size=_HASH_SIDE).hash
    return digest, int.from_bytes(np.packbits(bits).tobytes())


def find_shared_names(sources: Sequence[Source]) -> list[tuple[int, int, list[str]]]:
    """File names that two of the files have in common, for each pair of files that has some."""
    names = [
        dict.fromkeys(normpath(image['file_name']) for image in source.coco['images'])
        for source in sources
    ]
    return [
        (first, second, shared)
        for second in range(len(names))
        for first in range(second)
        if (shared := [name for name in names[first] if name in names[second]])
    ]
