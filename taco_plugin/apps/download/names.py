"""Which file names of an annotation file may become files of a folder."""

import os
import unicodedata
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath

_MAX_NAME_BYTES, _MAX_PART_BYTES = 1024, 255
_UNPRINTABLE = {'Cc', 'Cs', 'Zl', 'Zp'}  # control characters, half characters, line breaks
_SUFFIXES = {'.jpg', '.jpeg'}


class Names:
    """The names that a folder takes, each one once.

    Args:
        folder: Need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: dict[str, str] = {}
        self._lies_inside = cache(self._lies_inside_now)

    def refuse(self, name: str) -> str | None:
        r"""Why a name may not be written; None takes it.

        Refused are names that lead out of the folder by the rules of POSIX or Windows or by a
        link that is there, names that no file system holds or that spoil a terminal, names that do
        not end in ``.jpg`` or ``.jpeg``, and names that a file system which ignores case or the
        composition of accents takes for one that was taken before.

        >>> names = Names(Path('photographs'))
        >>> names.refuse('batch_1/1.jpg')
        >>> names.refuse('Batch_1/1.JPG')
        "is the same file as 'batch_1/1.jpg'"
        >>> names.refuse('../1.jpg')
        'leads out of the folder'
        """
        reason = _find_fault(name)
        if reason is not None:
            return reason
        path = PurePosixPath(name)
        if not self._lies_inside(self._folder / path.parent) or (
            (self._folder / path).is_symlink() and not self._lies_inside_now(self._folder / path)
        ):
            return 'leads out of the folder through a link'
        folded = unicodedata.normalize('NFKC', str(path).casefold())
        if folded in self._taken:
            return f'is the same file as {self._taken[folded]!r}'
        self._taken[folded] = name
        return None

    def _lies_inside_now(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._folder))


def _find_fault(name: str) -> str | None:
    if len(name) > _MAX_NAME_BYTES:
        return 'is too long'
    path, windows = PurePosixPath(name), PureWindowsPath(name)
    if any(unicodedata.category(character) in _UNPRINTABLE for character in name):
        return 'has control characters'
    if windows.anchor or '..' in windows.parts or path.is_absolute():
        return 'leads out of the folder'
    if '\\' in name:
        return 'has a backslash'
    if len(name.encode()) > _MAX_NAME_BYTES or any(
        len(part.encode()) > _MAX_PART_BYTES for part in path.parts
    ):
        return 'is too long'
    if path.suffix.lower() not in _SUFFIXES:
        return 'does not end in .jpg or .jpeg'
    return None
