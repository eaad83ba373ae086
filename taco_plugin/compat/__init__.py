"""What makes stock MMDetection 3.3 run on today's stack.

Importing this package changes nothing and loads neither torch nor mmdet. :func:`at_start` is what
``taco_plugin.pth`` calls whenever Python starts in an environment where the plugin is installed,
as stock scripts import MMDetection before they read the config that names the plugin.
"""


def at_start() -> None:
    """Puts in effect what must be there before mmengine and mmcv are imported, at no cost."""
    from . import start_up

    start_up.install()


def install() -> None:
    """Puts every remedy in effect; calling it again changes nothing.

    Raises:
        InputError: If torchvision does not work with the torch that is installed.
    """
    at_start()

    from . import torch_builds

    torch_builds.check()

    from . import checkpoints, distributed

    checkpoints.install()
    distributed.install()
