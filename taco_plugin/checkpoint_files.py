"""Checkpoints on disk: which is the best one, and why one cannot be loaded."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError

REFUSED = r'GLOBAL ([\w.<>]+) (?:was|whose)|(getattr\(.*\))|function (.+)|got (<.+>)'
"""Messages of torch's unpickler about what could run code."""

PICKLED = r'\x8c.([\w.]+)\x94\x8c.([\w.]+)\x94\x93'
"""How pickle writes a global since its protocol 4, which torch does not read."""

KINDS = {
    rb'\s*$': 'an empty file',
    rb'version https://git-lfs': 'a git-lfs pointer instead of the checkpoint; run `git lfs pull`',
    rb'\s*<': 'an HTML page instead of a checkpoint',
    rb'[^\0-\b\x0e-\x1f]*$': 'text instead of a checkpoint',
    rb'\x80.(\x95.{8})?\]': 'a pickled list instead of a dict of weights',
    rb'': 'cut short or damaged, or of another format; copy or download it again',
}
"""What the first bytes of a file that cannot be loaded say about it."""


DEFAULT_THRESHOLD = 0.3


@dataclass(frozen=True)
class Run:
    """Files of a trained detector, and what was found out about its confidence threshold.

    Args:
        config: Empty if the detector is in an exported file.
        checkpoint: Its weights, or the exported file.
        threshold: Least confidence of a prediction.
        note: Where that comes from.
    """

    config: str
    checkpoint: str
    threshold: float = DEFAULT_THRESHOLD
    note: str = 'no evaluation to take it from'


def best_checkpoint(work_dir: str | Path) -> Path:
    """Finds the best checkpoint of the last training in ``work_dir``: its newest ``best_*.pth``.

    Raises:
        InputError: If there is none; names the checkpoints that there are.
    """
    checkpoints = sorted(Path(work_dir).glob('*.pth'), key=lambda path: path.stat().st_mtime)
    best = [path for path in checkpoints if path.name.startswith('best_')]
    if not best:
        others = ', '.join(path.name for path in checkpoints) or 'a folder without checkpoints'
        raise InputError(f'{work_dir}: no best_*.pth, only {others}; was anything validated?')
    return best[-1]


def find_config(work_dir: str | Path) -> Path:
    """Finds the config that a training wrote into its ``work_dir``; raises InputError if not one.

    A folder in which several configs were run is that of no single run.
    """
    configs = sorted(Path(work_dir).glob('*.py'))
    if len(configs) != 1:
        names = ', '.join(path.name for path in configs) or 'none'
        raise InputError(
            f'{work_dir}: expected the config of one run, found {names}; '
            'name the config and the checkpoint instead'
        )
    return configs[0]


class DamagedFileError(InputError):
    """A file that is no checkpoint, or not a whole one, or that could run code."""


def refuse_altered(path: str) -> None:
    """Raises a DamagedFileError if a file of torch's format holds other bytes than were saved.

    Torch does not notice.
    """
    try:
        is_altered = zipfile.is_zipfile(path) and zipfile.ZipFile(path).testzip() is not None
    except zipfile.BadZipFile:
        is_altered = True
    if is_altered:
        raise DamagedFileError(f'{path}: damaged; copy or download it again')


def is_machines_fault(error: Exception) -> bool:
    """Whether loading a checkpoint failed for want of memory or of a device."""
    return re.search('memory|alloc|CUDA', str(error)) is not None


def say_why_not(path: str, message: str) -> str:
    """Says what a file is that cannot be loaded as a checkpoint; ``message`` is torch's."""
    with open(path, 'rb') as file:
        head = file.read(4096)
    if name := re.search(REFUSED, message) or re.search(PICKLED, head.decode('latin-1')):
        reason = '.'.join(filter(None, name.groups()))
        return f'refused, as loading this checkpoint could run code ({reason})'
    return next(kind for pattern, kind in KINDS.items() if re.match(pattern, head, re.DOTALL))
