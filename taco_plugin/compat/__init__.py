"""What makes stock MMDetection 3.3 run on today's stack: one file per problem.

Importing this package changes nothing and loads neither torch nor mmdet. :func:`at_start` is what
``taco_plugin.pth`` calls whenever Python starts in an environment where the plugin is installed,
as stock scripts import MMDetection before they read the config that names the plugin.
"""


def at_start() -> None:
    """Puts in effect what must be there before mmengine and mmcv are imported, at no cost."""
    from . import mmcv_ext, pkg_resources_warning

    pkg_resources_warning.install()
    mmcv_ext.install()


def install() -> None:
    """Puts every remedy in effect; calling it again changes nothing."""
    at_start()

    from . import checkpoints, cpu_distributed, distributed_scores

    checkpoints.install()
    cpu_distributed.install()
    distributed_scores.install()
