"""Config files and ``--cfg-options``, read as MMDetection's scripts do."""

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from mmengine.config import Config, DictAction

from .class_counts import walk
from .errors import InputError, describe_error


def read_config(path: str, cfg_options: Sequence[str] = (), *, imports: bool = True) -> Config:
    """Reads the config of a training, and changes it by options.

    Args:
        path: The file.
        cfg_options: Each ``KEY=VALUE``.
        imports: Whether to import what ``custom_imports`` of the config names.

    Raises:
        InputError: If the file cannot be read, or is no config of a training.
    """
    try:
        config = Config.fromfile(path, import_custom_modules=imports)
        config.merge_from_dict(parse_options(cfg_options))
    except (InputError, OSError):
        raise
    except Exception as error:  # whatever the code in a config raises
        raise InputError(f'{path}: no config of a training ({describe_error(error)})') from None
    for key in ('model', 'train_dataloader', 'optim_wrapper'):
        if not config.get(key):
            raise InputError(f'{path}: {key}: the config has none, so that nothing can be trained')
    return config


def parse_options(cfg_options: Sequence[str]) -> dict[str, Any]:
    """Dotted keys and values of options that are each ``KEY=VALUE``.

    >>> parse_options(['load_from=None', 'model.test_cfg.nms.iou_threshold=0.5'])
    {'load_from': None, 'model.test_cfg.nms.iou_threshold': 0.5}

    Raises:
        InputError: If one is not of this form.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='*', action=DictAction, default={})
    options: dict[str, Any] = {}
    for option in cfg_options:
        try:
            options |= parser.parse_args(['--options', option]).options
        except (ValueError, AssertionError):  # without =, or with brackets that are not closed
            message = f'--cfg-options {option}: must be KEY=VALUE, without spaces'
            raise InputError(message) from None
    return options


def split_key(key: str) -> list[str | int]:
    """The parts of a dotted key; a place in a list is a number.

    >>> split_key('param_scheduler.0.end')
    ['param_scheduler', 0, 'end']
    """
    return [int(part) if part.isdigit() else part for part in key.split('.')]


def check_key(config: Config, key: str) -> None:
    """Refuses a dotted key that a config does not have, as misspelt ones would load silently.

    An argument of something with a ``type`` may be new: its constructor refuses what it lacks.

    Raises:
        InputError: If there is no such key; names similar ones.
    """
    node: Any = config._cfg_dict
    *parents, last = split_key(key)
    for part in parents:
        node = node[part] if _has(node, part) else None
    if not _has(node, last) and not (isinstance(node, dict) and 'type' in node):
        dicts = walk(config._cfg_dict)
        keys = [f'{path}.{name}'.lstrip('.') for path, one in dicts for name in one]
        near = ' or '.join(get_close_matches(key, keys)) or 'another key'
        raise InputError(f'the config has no {key}; did you mean {near}?')


def cut_key(config: Config, key: str) -> str:
    """The beginning of a dotted key up to the first part that a config does not have.

    >>> cut_key(Config({'a': {'b': 1}}), 'a.c.d')
    'a.c'

    Raises:
        InputError: If the key has a number where the config has no list.
    """
    node: Any = config._cfg_dict
    parts = split_key(key)
    for number, part in enumerate(parts, start=1):
        if isinstance(part, int) and not isinstance(node, list):
            raise InputError(f'the config has no {key}; only the places of a list are numbers')
        if not _has(node, part):
            return '.'.join(map(str, parts[:number]))
        node = node[part]
    return key


def _has(node: object, part: object) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, dict) and part in node
