"""Silences the one warning that MMEngine's use of ``pkg_resources`` prints at every start.

Problem: ``mmengine.utils.package_utils`` imports ``pkg_resources`` and reloads it (for one, when a
config names a base such as ``mmdet::...``), and setuptools says both times that
"pkg_resources is deprecated as an API". Nobody who runs this project can mend that.

For: mmengine 0.10.7 with setuptools 67.5 to 80 (81 has no ``pkg_resources``).

Can go when: ``mmengine/utils/package_utils.py`` no longer imports ``pkg_resources``.
"""

import sys
import warnings
from types import ModuleType


class _MMEngineWatcher:
    """First on ``sys.meta_path``: finds nothing, but sees when MMEngine is imported."""

    filtered = False

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: ModuleType | None = None) -> None:
        if name == 'mmengine' and not cls.filtered:
            cls.filtered = True
            warnings.filterwarnings(
                'ignore',
                message='pkg_resources is deprecated as an API',
                category=UserWarning,
                # The reload is reported as importlib's.
                module=r'(mmengine\.utils\.package_utils|importlib)$',
            )


def install() -> None:
    """Adds the filter when ``mmengine`` is first imported. Installing it again changes nothing."""
    if _MMEngineWatcher not in sys.meta_path:
        sys.meta_path.insert(0, _MMEngineWatcher)
