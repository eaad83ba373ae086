"""Looks at the photographs that are there before any is fetched."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from tqdm import tqdm

from ...errors import InputError
from .failure import PhotographError
from .photograph import Settled, settle_photograph
from .plan import Photo
from .sizes import SIZES, is_size


def check_existing(
    photos: Sequence[Photo], max_bytes: int, pool: Executor
) -> tuple[dict[int, Settled], list[Photo]]:
    """Checks the photographs that are there, as if they had just been fetched.

    Shows progress on stderr after two seconds.

    Args:
        photos: What is wanted.
        max_bytes: A larger file is fetched again.
        pool: Checks and converts them.

    Returns:
        Those that are in their places, by image id, and those that are to be fetched.

    Raises:
        InputError: If a photograph is whole and of the other size that can be asked for, as one
            would overwrite the other.
    """
    there = [photo for photo in photos if photo.path.is_file()]

    def check(photo: Photo) -> Settled | None:
        return _check(photo, max_bytes)

    found = pool.map(check, there)
    bar = tqdm(found, 'checking', len(there), unit=' photographs', delay=2, mininterval=0.5)
    pairs = zip(there, bar, strict=True)
    settled = {photo.image_id: result for photo, result in pairs if result is not None}
    return settled, [photo for photo in photos if photo.image_id not in settled]


def _check(photo: Photo, max_bytes: int) -> Settled | None:
    if photo.path.stat().st_size > max_bytes:
        return None
    try:
        return settle_photograph(photo.path, photo, is_at_original_size=False)
    except PhotographError as error:
        for name, longest in _other_sizes(photo):
            if error.size and is_size(error.size, photo.original, longest):
                raise InputError(
                    f'{photo.path}: has the size of --size {name}: give another folder with --out'
                ) from None
        return None


def _other_sizes(photo: Photo) -> Iterator[tuple[str, int | None]]:
    return ((name, longest) for name, longest in SIZES.items() if longest != photo.longest)
