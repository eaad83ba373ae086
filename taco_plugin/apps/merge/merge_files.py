"""Merges annotation files on disk."""

import os
from collections.abc import Sequence
from pathlib import Path

from ...coco.merge import merge_cocos
from ...coco.read import read_coco
from ...errors import InputError
from ...files import check_writable, to_json, write_files
from .report import format_merge, report_merge


def merge_files(paths: Sequence[str], out: str) -> str:
    """Writes the files merged, and a report beside it.

    Args:
        paths: Two or more COCO files.
        out: The merged file, ``.json``; is replaced, but may not be one of ``paths``.

    Returns:
        The report for the terminal.

    Raises:
        InputError: If a file cannot be used or written.
    """
    target = Path(out)
    if len(paths) < 2:
        raise InputError('give two files or more to merge')
    if target.suffix.lower() != '.json':
        raise InputError(f'{out}: the merged file must be a .json')
    if any(os.path.exists(out) and os.path.samefile(path, out) for path in paths):
        raise InputError(f'{out}: is one of the files to merge; give another name')
    check_writable(target.parent)
    merged, files = merge_cocos([(path, read_coco(path)) for path in paths])
    report = to_json(report_merge(merged, files), indent=2)
    texts = {target.name: to_json(merged), f'{target.stem}.report.json': report}
    write_files(target.parent, texts)
    return format_merge(merged, files)
