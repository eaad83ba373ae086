"""Checks that torch and torchvision fit each other, and reports untested versions.

Problem: torchvision's ops are compiled for one build of torch. With another one (for instance
PyPI's CUDA build of torchvision with a CPU build of torch), ``import torchvision`` fails with
"operator torchvision::nms does not exist", which names neither the cause nor the remedy.
"""

from functools import cache
from types import ModuleType

import torch

from ..errors import InputError

TESTED = {'torch': '2.14.1', 'torchvision': '0.29.1'}  # as in constraints.txt


def import_torchvision() -> ModuleType:
    """Imports torchvision with its compiled ops.

    Raises:
        InputError: If it is missing or does not fit torch; the message says what to install.
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
    """Imports torchvision, and logs a warning if its version or torch's is not a tested one."""
    versions = {'torch': torch.__version__, 'torchvision': import_torchvision().__version__}
    installed = {name: str(version).partition('+')[0] for name, version in versions.items()}
    if installed != TESTED:
        from mmengine.logging import MMLogger

        theirs, ours = (' and '.join(map(' '.join, v.items())) for v in (installed, TESTED))
        MMLogger.get_current_instance().warning(f'{theirs}: taco_plugin is tested with {ours}')
