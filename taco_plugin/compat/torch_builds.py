"""Says so where torch and torchvision do not fit each other, or are not those that are tested.

Problem: torchvision's ops are compiled for one build of torch. Beside another one (for instance
the registry's CUDA build of torchvision beside a CPU build of torch), ``import torchvision`` ends
in "operator torchvision::nms does not exist", which names neither the cause nor the remedy.
"""

from functools import cache
from types import ModuleType

import torch

from ..errors import InputError

TESTED = {'torch': '2.14.1', 'torchvision': '0.29.1'}  # as in constraints.txt


def import_torchvision() -> ModuleType:
    """Imports torchvision with its compiled ops.

    Raises:
        InputError: If it is not installed or does not fit torch; says what to install.
    """
    try:
        import torchvision
    except (ImportError, OSError, RuntimeError) as error:
        raise InputError(
            f'torchvision does not work with torch {torch.__version__}: install both of one build, '
            f'CPU or CUDA: pip install --force-reinstall {" ".join(map("==".join, TESTED.items()))}'
        ) from error
    return torchvision


@cache
def check() -> None:
    """Imports torchvision, and logs one line if it or torch is of a version that is not tested."""
    versions = {'torch': torch.__version__, 'torchvision': import_torchvision().__version__}
    installed = {name: str(version).partition('+')[0] for name, version in versions.items()}
    if installed != TESTED:
        from mmengine.logging import MMLogger

        theirs, ours = (' and '.join(map(' '.join, v.items())) for v in (installed, TESTED))
        MMLogger.get_current_instance().warning(f'{theirs}: taco_plugin is tested with {ours}')
