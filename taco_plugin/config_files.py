"""Config files and ``--cfg-options``, read as MMDetection's scripts do."""

import argparse
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config, DictAction

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
    """
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='*', action=DictAction, default={})
    return parser.parse_args(['--options', *cfg_options]).options
