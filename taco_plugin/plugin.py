"""Importing this module activates the plugin; our configs do so through ``custom_imports``.

It makes stock MMDetection run on current versions of its dependencies (:mod:`taco_plugin.compat`)
and registers the data set, losses, heads, tiles, metric, hooks and what sets learning rates with
MMDetection's registries.
Their options are checked when they are built (:mod:`taco_plugin.options`).
"""

from . import compat

compat.install()

from mmdet.registry import (  # noqa: E402
    DATASETS,
    HOOKS,
    LOG_PROCESSORS,
    METRICS,
    MODELS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    TRANSFORMS,
)

from . import datasets, engine  # noqa: E402
from .evaluation import taco_metric  # noqa: E402
from .models import ssd_head  # noqa: E402
from .models.detectors import tiled_detector  # noqa: E402
from .models.losses import weighted_losses  # noqa: E402
from .options import checked  # noqa: E402

__all__ = ['datasets', 'engine', 'ssd_head', 'taco_metric', 'tiled_detector', 'weighted_losses']

CHECKED = DATASETS, HOOKS, LOG_PROCESSORS, METRICS, MODELS, OPTIM_WRAPPER_CONSTRUCTORS, TRANSFORMS
for registry in CHECKED:
    for name, kind in registry.module_dict.items():
        if hasattr(kind, 'mro') and kind.__module__.startswith(f'{__package__}.'):
            inits = [vars(base)['__init__'] for base in kind.__mro__ if '__init__' in vars(base)]
            kind.__init__ = checked(kind.__init__, name, bases=inits)
