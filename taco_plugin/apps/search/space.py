"""Spaces, which are Python files that choose settings of a config, and the config they change."""

import ast
import copy
import inspect
import keyword
import os
import runpy
import traceback
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import optuna
from mmengine.config import Config, ConfigDict
from yapf.yapflib.yapf_api import FormatCode

from ...config_files import check_key, cut_key, parse_options, read_config, split_key
from ...errors import InputError, describe_error

Settings = dict[str, Any]
"""Dotted key -> value, which takes the place of what the config has there."""

_REHEARSALS = 20
_MONITORS = ('default_hooks.checkpoint.save_best', 'default_hooks.early_stopping.monitor')


class Target:
    """The config whose settings are searched.

    Args:
        path: The file.
        cfg_options: What is changed in it for every trial, each ``KEY=VALUE``.
        metric: What chooses the best checkpoint of a training.

    Raises:
        InputError: If the file cannot be used, or is not on TACO.
    """

    def __init__(self, path: str, cfg_options: list[str], metric: str) -> None:
        self.path = path
        self.config = read_config(path, cfg_options, imports=False)
        if 'taxonomy' not in self.config:
            raise InputError(f'{path}: is not on TACO; call use_taco in it')
        as_it_is, changed = read_config(path, imports=False), self.config.to_dict()
        keys = (key.removesuffix('._delete_') for key in parse_options(cfg_options))
        places = (cut_key(as_it_is, key) for key in keys)
        self._given = {key: reduce(getitem, split_key(key), changed) for key in places}
        if self.config.default_hooks.checkpoint.get('save_best') != metric:
            self._given |= dict.fromkeys(_MONITORS, metric)

    def apply(self, settings: Settings) -> Config:
        """A copy of the config with settings that :func:`check_key` lets through."""
        config = copy.deepcopy(self.config)
        for key, value in settings.items():
            *parents, last = split_key(key)
            node: Any = config._cfg_dict
            for part in parents:
                node = node[part]
            node[last] = copy.deepcopy(value)
        return config

    def make_leaf(self, file: Path, docstring: str, settings: Settings) -> str:
        """The text of a config ``file`` that changes this one by the settings."""
        base = os.path.relpath(os.path.realpath(self.path), os.path.realpath(file.parent))
        escaped = docstring.replace('\\', r'\\').replace('"""', r'\"\"\"')
        lines = [f'"""{escaped}\n"""\n\n_base_ = {base!r}\n']
        for key, value in (self._given | settings).items():
            lines.append(f'_base_{"".join(map(_subscript, split_key(key)))} = {value!r}')
        style = {'based_on_style': 'pep8', 'column_limit': 100}
        return FormatCode('\n'.join(lines) + '\n', style_config=style)[0]


def _subscript(part: Any) -> str:  # noqa: ANN401
    is_name = isinstance(part, str) and part.isidentifier() and not keyword.iskeyword(part)
    return f'.{part}' if is_name and not hasattr(ConfigDict, part) else f'[{part!r}]'


class Space:
    """A file with a function ``space(trial)`` or ``space(trial, config)`` that returns settings.

    Its list ``first``, if there is one, has parameters of the trials to begin with.

    Raises:
        InputError: If the file cannot be used, or returns a key that the config lacks.
    """

    def __init__(self, path: str, target: Target) -> None:
        self.path, self._target = path, target
        if not os.path.isfile(path):
            raise InputError(f'{path}: no such space; give a Python file with a space(trial)')
        names = self._call(runpy.run_path, path)
        self._function, self.first = names.get('space'), names.get('first', [])
        if not callable(self._function):
            raise InputError(f'{path}: has no function space(trial)')
        if not isinstance(self.first, list) or not all(isinstance(one, dict) for one in self.first):
            raise InputError(f'{path}: first must be a list of dicts of parameters')
        study = optuna.create_study()
        for params in [*self.first, *[{}] * _REHEARSALS]:
            study.enqueue_trial(params)
            trial = study.ask()
            self.sample(trial)
            if unknown := [name for name in params if name not in trial.params]:
                raise InputError(f'{path}: first has {unknown[0]!r}, which space does not suggest')

    def sample(self, trial: optuna.Trial) -> Settings:
        """Chooses settings; each is of plain Python values, and has its place in the config."""
        takes_config = len(inspect.signature(self._function).parameters) > 1
        arguments = [copy.deepcopy(self._target.config)] if takes_config else []
        settings = self._call(self._function, trial, *arguments)
        if not isinstance(settings, dict) or not all(isinstance(key, str) for key in settings):
            reason = f'space must return a dict of dotted keys and values, not {settings!r}'
            raise InputError(f'{self.path}: {reason}')
        for key, value in settings.items():
            try:
                check_key(self._target.config, key)
            except InputError as error:
                raise InputError(f'{self.path}: {error}') from None
            try:
                settings[key] = ast.literal_eval(repr(value))
            except (ValueError, SyntaxError):
                reason = f'{key} must be of plain Python values, but is {value!r}'
                raise InputError(f'{self.path}: {reason}') from None
        return settings

    def _call(self, function: Any, *arguments: Any) -> Any:  # noqa: ANN401
        try:
            return function(*arguments)
        except Exception as error:  # whatever the user's code raises
            frames = traceback.extract_tb(error.__traceback__)
            lines = [frame.lineno for frame in frames if frame.filename == self.path]
            where = f', line {lines[-1]}' if lines else ''
            raise InputError(f'{self.path}{where}: {describe_error(error)}') from error
