"""Importing this module activates the plugin; our configs do so through ``custom_imports``.

It makes stock MMDetection run on current versions of its dependencies (:mod:`taco_plugin.compat`)
and registers the data set, losses, heads, metric and hooks with MMDetection's registries.
"""

from . import compat

compat.install()

from . import datasets, engine  # noqa: E402
from .evaluation import taco_metric  # noqa: E402
from .models import ssd_head  # noqa: E402
from .models.losses import weighted_losses  # noqa: E402

__all__ = ['datasets', 'engine', 'ssd_head', 'taco_metric', 'weighted_losses']
