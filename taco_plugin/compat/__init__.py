"""Fixes that make stock MMDetection 3.3 run on current versions of its dependencies.

Importing this package changes nothing and loads neither torch nor mmdet. :func:`at_start` is what
``taco_plugin.pth`` calls whenever Python starts in an environment where the plugin is installed.
This is needed because stock scripts import MMDetection before they read the config.
"""


def at_start() -> None:
    """Installs the cheap fixes that must be in place before mmengine and mmcv are imported."""
    from . import start_up

    start_up.install()


def install() -> None:
    """Installs every fix; calling it again changes nothing.

    Raises:
        InputError: If torchvision does not work with the torch that is installed.
    """
    at_start()

    from . import torch_builds

    torch_builds.check()

    from . import checkpoints, distributed

    checkpoints.install()
    distributed.install()
