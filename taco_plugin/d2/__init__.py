"""TACO for Detectron2: data sets, losses, evaluation. Nothing here imports MMDetection."""

import warnings

# What importing Detectron2 says of its own imports, in every process.
for _message in ('pkg_resources is deprecated as an API', '`torch.jit.script` is deprecated'):
    warnings.filterwarnings('ignore', message=_message)
