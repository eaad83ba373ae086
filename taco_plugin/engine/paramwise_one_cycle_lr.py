"""One cycle of the learning rate, to a maximum of its own for each group of parameters."""

from typing import Any

from mmdet.registry import PARAM_SCHEDULERS
from mmengine.optim import BaseOptimWrapper, OneCycleLR
from torch.optim import Optimizer

from ..errors import InputError


@PARAM_SCHEDULERS.register_module()
class ParamwiseOneCycleLR(OneCycleLR):
    """MMEngine's schedule, in which each group of parameters rises to its own learning rate.

    ``OneCycleLR`` raises all groups to one ``eta_max``, whatever ``lr_mult`` or layer decay gave
    them, or needs a list with a value for each group. Here the maximum of a group is the learning
    rate that the optimizer has for it, scaled by ``auto_scale_lr``. A checkpoint can be loaded
    again; that of the stock class holds a function, which is refused.

    Args:
        optimizer: Optimizer or its wrapper.
        kwargs: As for ``OneCycleLR``, without ``eta_max``.

    Raises:
        InputError: If ``eta_max`` is given.
    """

    def __init__(self, optimizer: Optimizer | BaseOptimWrapper, **kwargs: Any) -> None:  # noqa: ANN401
        if 'eta_max' in kwargs:
            raise InputError(
                'eta_max of ParamwiseOneCycleLR: the maximum is the learning rate of each group; '
                'set optim_wrapper.optimizer.lr instead'
            )
        # A scheduler before this one has kept the rate as the initial one, and changed it.
        rates = [group.get('initial_lr', group['lr']) for group in optimizer.param_groups]
        super().__init__(optimizer, eta_max=rates, **kwargs)

    def state_dict(self) -> dict:
        """The state, without the function that interpolates, which checkpoints cannot hold."""
        return {key: value for key, value in super().state_dict().items() if key != 'anneal_func'}
