"""Reads the log of a training."""

import json
from pathlib import Path
from typing import Any

from ..errors import InputError


def read_scalars(path: str | Path) -> list[dict[str, Any]]:
    """Reads MMEngine's ``scalars.json``, one JSON object per line.

    A last line that was cut off, as a crash leaves it, is left out with a warning.

    Args:
        path: The file, ``<work_dir>/<time>/vis_data/scalars.json``.

    Returns:
        The lines, in their order: training and validation, as MMEngine logs them.

    Raises:
        InputError: If the file cannot be read, has no line, or another line is not a JSON object
            with a ``step``.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    except UnicodeDecodeError:
        raise InputError(f'{path}: no log of scalars (not even text)') from None
    lines = [(number, line) for number, line in enumerate(text.split('\n'), 1) if line.strip()]
    rows: list[dict[str, Any]] = []
    for number, line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            if not rows or number < lines[-1][0]:
                raise InputError(f'{path}, line {number}: broken JSON') from None
            _warn(f'{path}: line {number} was cut off and is left out')
            break
        if not isinstance(row, dict) or 'step' not in row:
            raise InputError(f'{path}, line {number}: not a JSON object with a step')
        rows.append(row)
    if not rows:
        raise InputError(f'{path}: is empty, no scalars were logged')
    return rows


def _warn(message: str) -> None:
    from mmengine.logging import MMLogger  # loads torch: only when there is something to say

    MMLogger.get_current_instance().warning(message)
