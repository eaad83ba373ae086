"""Import this to put the whole plugin in effect; every config of ours does, by ``custom_imports``.

It makes stock MMDetection run on today's stack (:mod:`taco_plugin.compat`) and registers the data
set, losses, heads, metric and hooks with MMDetection's registries.
"""

from . import compat

compat.install()

from . import datasets, engine, evaluation  # noqa: E402
from .models import dense_heads  # noqa: E402
from .models.losses import weighted_losses  # noqa: E402

__all__ = ['datasets', 'dense_heads', 'engine', 'evaluation', 'weighted_losses']
