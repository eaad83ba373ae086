"""Whether torchvision's compiled ops can be used."""

from functools import cache
from types import ModuleType


@cache
def torchvision_ops() -> ModuleType | None:
    """``torch.ops.torchvision``, or None where torchvision or its compiled ops are missing."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        # RuntimeError: the CUDA build of torchvision beside a CPU build of torch.
        return None
    import torch

    return torch.ops.torchvision
