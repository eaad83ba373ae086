"""Import this to put the whole plugin in effect; every config of ours does, by ``custom_imports``.

It makes stock MMDetection run on today's stack (:mod:`taco_plugin.compat`) and registers the data
set, metric and hooks with MMDetection's registries.
"""

from . import compat

compat.install()

from . import datasets, engine, evaluation  # noqa: E402

__all__ = ['datasets', 'engine', 'evaluation']
