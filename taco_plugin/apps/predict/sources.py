"""Finds the photographs, videos, cameras and streams that a user names."""

import glob
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import InputError
from ...images import list_photographs

IMAGE_SUFFIXES = {
    *('.avif', '.bmp', '.gif', '.heic', '.jfif', '.jpe', '.jpeg', '.jpg', '.mpo', '.pgm', '.png'),
    *('.ppm', '.tif', '.tiff', '.webp'),
}
"""What a folder is searched for; those that cannot be decoded are reported."""

VIDEO_SUFFIXES = {
    *('.avi', '.m4v', '.mjpeg', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.webm', '.wmv'),
}

Kind = Literal['image', 'video', 'live']


@dataclass(frozen=True)
class Source:
    """What is predicted: a photograph, a video, or live a camera or a stream.

    Args:
        kind: ``live`` has no end of its own.
        path: The file, the number of the camera or the address of the stream.
        name: Its path below the folder that all files share; names it in results.
        stem: Path of its results below a folder, without suffix; no two sources share one, even
            where case does not count, and no result of a frame has the path of another's.
    """

    kind: Kind
    path: str
    name: str
    stem: str


def find_sources(inputs: Sequence[str], out: str) -> tuple[str, list[Source]]:
    """Lists what the arguments of the command name, each file once, photographs first.

    Folders are searched for photographs, except in ``out`` and in what is hidden.

    Returns:
        The folder that all files share, absolute, and the sources.

    Raises:
        InputError: If an argument names nothing, or a file in ``out``.
    """
    target = os.path.realpath(out)
    found: dict[str, tuple[Kind, str, str]] = {}
    for text in inputs:
        if os.path.realpath(text) == target:
            raise InputError(f'{text}: both an input and --out; give another --out')
        several = list(_expand(text, target))
        if not several:
            raise InputError(f'{text}: no photographs in it ({", ".join(sorted(IMAGE_SUFFIXES))})')
        for kind, path, root in several:
            key = path if kind == 'live' else os.path.realpath(path)
            if kind != 'live' and Path(key).is_relative_to(target):
                raise InputError(f'{path}: an input that lies in --out {out}; give another --out')
            found.setdefault(key, (kind, path, root))
    files = sorted(found.values(), key=lambda one: ('image', 'video', 'live').index(one[0]))
    roots = [os.path.abspath(root) for kind, _, root in files if kind != 'live']
    folder = os.path.commonpath(roots) if roots else os.getcwd()
    names = [
        _name_stream(path) if kind == 'live' else os.path.relpath(os.path.abspath(path), folder)
        for kind, path, _ in files
    ]
    kinds, paths = [kind for kind, *_ in files], [path for _, path, _ in files]
    return folder, list(map(Source, kinds, paths, names, _make_stems(kinds, names)))


def _expand(text: str, out: str) -> Iterator[tuple[Kind, str, str]]:
    """Yields kind, path and folder of what an argument names."""
    if os.path.isdir(text):
        yield from _search(text, out)
    elif os.path.lexists(text):
        yield from _read_list(text, out) if _suffix(text) == '.txt' else [_name_file(text)]
    elif text.isdecimal() or re.match(r'\w+://', text):
        yield 'live', text, ''
    elif matches := sorted(glob.glob(text, recursive=True)):
        for path in matches:
            if os.path.isdir(path):
                yield from _search(path, out)
            elif _suffix(path) in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
                yield _name_file(path)
    else:
        raise InputError(f'{text}: no such file or folder')


def _search(folder: str, out: str) -> Iterator[tuple[Kind, str, str]]:
    """Yields the photographs in a folder and in those below it, sorted; follows links."""

    def refuse(error: OSError) -> None:
        raise error

    for path in list_photographs(folder, IMAGE_SUFFIXES, skipped=[out], onerror=refuse):
        yield 'image', path, folder


def _read_list(path: str, out: str) -> Iterator[tuple[Kind, str, str]]:
    """Yields what the lines of a text file name; a missing file is reported when it is read."""
    try:
        lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError:
        raise InputError(f'{path}: not a list of files (it is no text)') from None
    for line in filter(None, map(str.strip, lines)):
        name = os.path.join(os.path.dirname(path), line)
        yield from _search(name, out) if os.path.isdir(name) else [_name_file(name)]


def _name_file(path: str) -> tuple[Kind, str, str]:
    return 'video' if _suffix(path) in VIDEO_SUFFIXES else 'image', path, os.path.dirname(path)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _name_stream(address: str) -> str:
    """A name that is safe in file names, and tells no password."""
    if address.isdecimal():
        return f'camera_{address}'
    shown = re.sub(r'^\w+://([^/]*@)?|\?.*', '', address)
    return re.sub(r'[^\w.-]+', '_', shown).strip('._') or 'stream'


def _make_stems(kinds: Sequence[Kind], names: Sequence[str]) -> Iterator[str]:
    taken: set[str] = set()
    folders = {str(parent).casefold() for name in names for parent in Path(name).parents}
    for kind, name in zip(kinds, names, strict=True):
        stem, suffix = (name, '') if kind == 'live' else os.path.splitext(name)
        choices = itertools.chain(
            [stem, stem + suffix.replace('.', '_')], (f'{stem}_{n}' for n in itertools.count(2))
        )
        # Frames lie in a folder of this name, which must not be one of photographs.
        avoided = taken if kind == 'image' else taken | folders
        stem = next(choice for choice in choices if choice.casefold() not in avoided)
        taken.add(stem.casefold())
        yield stem
