"""Fixes needed before mmengine and mmcv are imported; loads neither of them, nor torch.

Problem 1: MMDetection imports ``mmcv.ops``, in which every file needs the compiled module
``mmcv._ext``. Installing ``mmcv`` from PyPI compiles it for a quarter of an hour; ``mmcv-lite``
installs at once but lacks it, so that ``import mmdet.models`` fails. Remedy:
:mod:`taco_plugin.compat.ops`. A compiled mmcv, if installed, is found first and used as it is. It
can go when ``import mmcv.ops`` works without it in every supported environment.

Problem 2: MMEngine imports ``pkg_resources`` and reloads it (e.g. when a config names a base such
as ``mmdet::...``), and setuptools 67.5 to 80 warns both times that "pkg_resources is deprecated as
an API". Remedy: this warning is filtered. It can go when MMEngine no longer imports it.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


def install() -> None:
    """Installs both fixes; calling it again changes nothing."""
    warnings.filterwarnings(
        'ignore',
        message='pkg_resources is deprecated as an API',
        category=UserWarning,
        # For the reload, the warning is attributed to importlib.
        module=r'(mmengine\.utils\.package_utils|importlib)$',
    )
    if _StandInFinder not in sys.meta_path:
        sys.meta_path.append(_StandInFinder)


class _StandInFinder:
    """Last on ``sys.meta_path``, so it is asked only for what no other finder has."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != 'mmcv._ext':
            return None
        from importlib.util import spec_from_file_location

        return spec_from_file_location(name, f'{os.path.dirname(__file__)}/ops.py')
