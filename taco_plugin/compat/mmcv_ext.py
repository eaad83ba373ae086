"""Supplies ``mmcv._ext`` where mmcv comes without its compiled ops.

Problem: MMDetection imports ``mmcv.ops``, whose every file asks for the compiled module
``mmcv._ext``. ``mmcv`` on PyPI compiles it for a quarter of an hour; ``mmcv-lite`` installs at
once and leaves it out, so that ``import mmdet.models`` fails.

For: mmcv-lite 2.1.0, the newest that mmdet 3.3.0 accepts. Compiled mmcv, where it is installed, is
found first and used as it is.

Can go when: ``import mmcv.ops`` works without this file, in every environment that the project
supports (mmcv ships wheels for current torch, or mmdet no longer needs its ops).
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


class _StandInFinder:
    """Last on ``sys.meta_path``: is asked only for what no other finder has."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != 'mmcv._ext':
            return None
        loader = _StandInLoader()
        return ModuleSpec(name, loader, origin='taco_plugin.compat.ops')  # type: ignore[arg-type]


class _StandInLoader:
    """Builds the module when it is really imported: this is what loads torch.

    No subclass of ``importlib.abc.Loader``, which takes longer to import than all of this file.
    """

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        from .ops import build_extension

        return build_extension()

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """The module is complete when it is created."""


def install() -> None:
    """Has ``import mmcv._ext`` fall back to :mod:`taco_plugin.compat.ops`.

    Loads nothing: neither torch nor mmcv is imported before somebody imports ``mmcv._ext``.
    Installing it again changes nothing.
    """
    if _StandInFinder not in sys.meta_path:
        sys.meta_path.append(_StandInFinder)
