"""A study's file: what is trained on which split, and which published results stand beside it."""

import re
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ...errors import InputError, describe_error
from ...evaluation.published import parse_published
from ...options import checked

_SEEDS = 2**32
"""How many seeds NumPy has."""


@dataclass(frozen=True)
class Run:
    """A run of a study.

    Args:
        name: In tables and plots.
        config: Path of its config.
        options: Dotted keys of the config -> values, as for ``--cfg-options``.
    """

    name: str
    config: Path
    options: Mapping[str, Any]

    @property
    def slug(self) -> str:
        """The name as that of a folder."""
        return re.sub(r'[^a-z0-9]+', '_', self.name.lower()).strip('_') or 'run'


@dataclass(frozen=True)
class Study:
    """What a study's file says.

    Args:
        title: First line of its docstring.
        runs: The first is the one that the others are compared with.
        taxonomy: Of all runs, whatever their configs have.
        seeds: Each run is trained with each.
        retrain: Whether the tested detector is trained again, on the training and the validation
            split together, for as many epochs as the best one on the validation split had.
        test_images: Path of the list of the test split; None to draw it.
        test_fraction: Share of the images that is drawn for it.
        val_fraction: Share of the images in the validation split.
        split_seed: Of the draw.
        sample: Whether the study is of the embedded sample, unless annotations are given.
        published: Results to stand beside, see ``compare_runs.py --published``.

    Raises:
        InputError: If there are no seeds, or some that are equal or no seeds of NumPy.
    """

    title: str
    runs: Sequence[Run]
    taxonomy: str
    seeds: Sequence[int] = (0, 1, 2)
    retrain: bool = False
    test_images: str | None = None
    test_fraction: float = 0.1
    val_fraction: float = 0.1
    split_seed: int = 0
    sample: bool = False
    published: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        is_usable = bool(self.seeds) and len(set(self.seeds)) == len(self.seeds)
        if not is_usable or not all(0 <= seed < _SEEDS for seed in self.seeds):
            given = ', '.join(map(str, self.seeds)) or 'none'
            raise InputError(f'seeds must be different, from 0 to {_SEEDS - 1}, but are {given}')


def read_study(path: str | Path) -> Study:
    """Runs a study's file, which is Python as configs are, and checks what it sets.

    Raises:
        InputError: If the file cannot be run, sets what no study has, or names a config or a list
            that does not exist.
    """
    if not Path(path).is_file():
        raise InputError(f'{path}: no such study; name a file such as configs/studies/demo.py')
    sys.path.insert(0, str(Path(path).parent))  # as for a script
    try:
        content = runpy.run_path(str(path))
    except Exception as error:  # whatever the code in it raises
        raise InputError(f'{path}: {describe_error(error)}') from None
    finally:
        del sys.path[0]
    settings = {
        name: value
        for name, value in content.items()
        if name.islower() and not name.startswith('_') and not isinstance(value, ModuleType)
    }
    title = ((content['__doc__'] or '').strip() or Path(path).stem).splitlines()[0].rstrip('.')
    folder = Path(path).parent
    try:
        runs = list(_read_runs(settings.pop('runs', None), folder))
        if test_images := settings.get('test_images'):
            settings['test_images'] = str(_find(folder, test_images))
        parse_published(settings.get('published', []))  # or its page would refuse them, at the end
        return checked(Study)(title, runs, **settings)
    except InputError as error:
        raise InputError(f'{path}: {error}') from None


def _read_runs(runs: object, folder: Path) -> Iterator[Run]:
    """Reads ``runs``: the name of each -> its config, or a dict of config and options."""
    if not isinstance(runs, dict) or not runs:
        raise InputError('runs must be a dict of names and configs, with one at least')
    folders: dict[str, str] = {}
    for name, given in runs.items():
        settings = given if isinstance(given, dict) else {'config': given}
        try:
            run = checked(_make_run, 'a run')(str(name), folder, **settings)
        except InputError as error:
            raise InputError(f'runs[{name!r}]: {error}') from None
        other = folders.setdefault(run.slug, run.name)
        if other != run.name:
            raise InputError(f'runs: {other!r} and {run.name!r} would share the folder {run.slug}')
        yield run


def _make_run(name: str, folder: Path, config: str, options: dict[str, Any] | None = None) -> Run:
    return Run(name, _find(folder, config), options or {})


def _find(folder: Path, name: object) -> Path:
    """The path of a file that is named relative to the study's."""
    if not (path := folder / str(name)).is_file():
        raise InputError(f'{path}: no such file')
    return path.resolve()
