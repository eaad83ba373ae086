"""JSON files: read with errors that say where, written strictly."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import InputError


def read_json(path: str | Path) -> Any:  # noqa: ANN401
    """Reads a JSON file; ``Infinity`` and ``NaN`` are accepted, as in Python's ``json``.

    Raises:
        InputError: If the file cannot be read or is not JSON; says where.
    """
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise InputError(f'{path}: cannot be read (a pipe or a device; give a file)')
    try:
        return json.loads(Path(path).read_bytes(), object_pairs_hook=_unique)
    except InputError as error:
        raise InputError(f'{path}: {error}') from None
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    except json.JSONDecodeError as error:
        where = f'line {error.lineno}, column {error.colno}'
        raise InputError(f'{path}, {where}: broken JSON ({error.msg})') from None
    except UnicodeDecodeError:
        raise InputError(f'{path}: not JSON (not even text)') from None
    except RecursionError:
        raise InputError(f'{path}: nested too deeply') from None
    except ValueError:  # Python refuses to convert whole numbers of thousands of digits
        raise InputError(f'{path}: holds a number that is too large') from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses a key that is given twice; JSON readers would silently drop all but the last."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise InputError(f'{twice!r} stands twice in one object')
    return entries


def to_json(value: Any, indent: int | None = None) -> str:  # noqa: ANN401
    r"""Serializes a value as strict JSON, with a line break at the end.

    Args:
        value: Anything that JSON can represent; numbers must be finite.
        indent: Spaces per level; None for a single line.

    Raises:
        InputError: If a number is not finite; says where.

    >>> to_json({'bbox': [0, 1.5]})
    '{"bbox":[0,1.5]}\n'
    """
    separators = None if indent else (',', ':')
    try:
        return json.dumps(value, allow_nan=False, indent=indent, separators=separators) + '\n'
    except RecursionError:
        raise InputError('cannot be written as JSON: nested too deeply') from None
    except ValueError:
        where = next(_find_not_finite(value, ''), 'a number')
        reason = f'which has no Infinity and no NaN: {where}'
        raise InputError(f'cannot be written as JSON, {reason}') from None


def _find_not_finite(value: object, where: str) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield f'{where} is {value}'
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _find_not_finite(item, f'{where}.{key}' if where else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _find_not_finite(item, f'{where}[{index}]')
