"""Checkpoints that are written whole, run no code, and know the classes they were trained on."""

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from detectron2.checkpoint import DetectionCheckpointer
from torch import nn

from ..checkpoint_files import DamagedFileError, is_machines_fault, refuse_altered, say_why_not
from ..errors import InputError
from ..files import write_file, write_files

_CORE = ('numpy.core.multiarray', 'numpy._core.multiarray')  # of numpy 1 and 2
ARRAYS = {
    *((module, name) for module in _CORE for name in ('_reconstruct', 'scalar')),
    *(('numpy', 'ndarray'), ('numpy', 'dtype'), ('_codecs', 'encode')),
    ('collections', 'OrderedDict'),
}
"""Globals that a pickle of numpy arrays needs: none of them runs code of the file."""


class ArrayUnpickler(pickle.Unpickler):
    """Loads pickles of numpy arrays, as those of Detectron2's model zoo, and refuses others."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        """Finds what an array is built from."""
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f'GLOBAL {module}.{name} was not expected')
        return super().find_class(module, name)


class TacoCheckpointer(DetectionCheckpointer):
    """Detectron2's checkpointer, with these differences.

    - A checkpoint is written beside its name and renamed, so that it is whole or not there.
    - ``model_best.pth`` is never taken for the last checkpoint. If the last one is damaged, the one
      before is resumed.
    - The classes are saved. A checkpoint that is resumed or tested must be of the same classes, and
      fit the model in every weight; one to fine-tune from must fit in some.
    - Files that could run code when they are loaded are refused.

    Args:
        model: As for DetectionCheckpointer.
        save_dir: As for DetectionCheckpointer.
        classes: Names of the classes of the data set.
        exact: Whether the checkpoint is tested, or :meth:`resume` is called.
        checkpointables: As for DetectionCheckpointer.
    """

    def __init__(
        self,
        model: nn.Module,
        save_dir: str,
        classes: Sequence[str],
        *,
        exact: bool = False,
        **checkpointables: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(model, save_dir, **checkpointables)
        self.classes = list(classes)
        self.exact = exact

    def save(self, name: str, **kwargs: Any) -> None:  # noqa: ANN401
        """Writes ``<name>.pth`` with all objects and ``kwargs``."""
        if not self.save_dir or not self.save_to_disk:
            return
        data = {'model': self.model.state_dict(), 'classes': self.classes}
        data |= {key: one.state_dict() for key, one in self.checkpointables.items()} | kwargs
        path = Path(self.save_dir, f'{name}.pth')
        self.logger.info(f'Saving checkpoint to {path}')
        write_file(path, lambda beside: torch.save(data, beside))
        if not name.startswith('model_best'):
            self.tag_last_checkpoint(path.name)

    def tag_last_checkpoint(self, last_filename_basename: str) -> None:
        """Writes the name of the last checkpoint."""
        write_files(self.save_dir, {'last_checkpoint': last_filename_basename})

    def resume(self) -> bool:
        """Loads the last checkpoint that is whole; returns whether there is one.

        Raises:
            InputError: If it is of other classes or does not fit the model, or none is whole.
        """
        self.exact = True
        folder = Path(self.save_dir)
        files = {*folder.glob('model_*.pth')} - {*folder.glob('model_best*')}
        newest = sorted(files, key=os.path.getmtime, reverse=True)
        last = Path(self.get_checkpoint_file())
        for number, path in enumerate(sorted(newest, key=lambda path: path != last), 1):
            try:
                self.load(str(path))
            except DamagedFileError as error:
                self._parsed_url_during_load = None
                if number == len(files):
                    raise
                self.logger.warning(f'{error}; resuming from an older one')
            else:
                return True
        return False

    def _load_file(self, filename: str) -> dict[str, Any]:
        try:
            return (self._read_arrays if filename.endswith('.pkl') else super()._load_file)(
                filename
            )
        except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and is_machines_fault(error):
                raise
            raise DamagedFileError(f'{filename}: {say_why_not(filename, str(error))}') from error

    def _torch_load(self, f: str) -> dict[str, Any]:
        refuse_altered(f)
        return torch.load(f, map_location='cpu', weights_only=True)

    def _read_arrays(self, filename: str) -> dict[str, Any]:
        with open(filename, 'rb') as file:
            data = ArrayUnpickler(file, encoding='latin1').load()
        if 'model' in data and '__author__' in data:
            return data
        weights = {k: v for k, v in data.get('blobs', data).items() if not k.endswith('_momentum')}
        return {'model': weights, '__author__': 'Caffe2', 'matching_heuristics': True}

    def _load_model(self, checkpoint: dict[str, Any]) -> Any:  # noqa: ANN401
        trained = checkpoint.get('classes')
        if self.exact and trained and list(trained) != self.classes:
            raise InputError(
                f'the checkpoint was trained on the classes {list(trained)}, but the data set has '
                f'{self.classes}; use the config that it was trained with'
            )
        given = len(checkpoint['model'])
        found = super()._load_model(checkpoint)
        for name, theirs, ours in found.incorrect_shapes if self.exact else ():
            raise InputError(
                f'the checkpoint does not fit the model: {name} has the shape {theirs}, the model '
                f'{ours}; use the config that it was trained with'
            )
        if self.exact and (found.missing_keys or found.unexpected_keys):
            names = [f'no {", ".join(found.missing_keys[:3])}'] if found.missing_keys else []
            if found.unexpected_keys:
                names.append(f'{", ".join(found.unexpected_keys[:3])} that the model lacks')
            raise InputError(
                f'the checkpoint does not fit the model: it has {" and ".join(names)}; use the '
                'config that it was trained with'
            )
        if given and not set(self.model.state_dict()) - set(found.missing_keys):
            raise InputError(f'none of the {given} weights of the checkpoint is one of the model')
        return found

    def load(self, path: str, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """Loads a checkpoint, see DetectionCheckpointer.load."""
        if path and '://' not in path and not os.path.isfile(path):
            raise InputError(f'{path}: no such checkpoint')
        try:
            return super().load(path, *args, **kwargs)
        except OSError as error:
            raise InputError(
                f'{path}: cannot be fetched ({error}); offline, give a file, or no weights: '
                "train.init_checkpoint='' (YAML: MODEL.WEIGHTS '')"
            ) from None
