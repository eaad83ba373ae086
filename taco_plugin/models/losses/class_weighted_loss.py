"""A loss with class weights as a module, without MMDetection."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import InputError
from .class_weights import check_number, read_class_weights


class ClassWeightedLoss(nn.Module):
    """Applies a function of :mod:`~.functional` with class weights that were read from a config.

    Args:
        loss: A function of :mod:`~.functional`, with its own options bound.
        use_sigmoid: Use one sigmoid per class instead of softmax over classes and background.
        class_weights: See :func:`~.class_weights.read_class_weights`; all 1 if None. If their
            annotation file is missing when the loss is built, only training is refused.
        background_weight: Weight of background samples (no object), >= 0.

    Attributes:
        classes: Names of the classes that are weighted, if a taxonomy was given.

    Raises:
        InputError: If an argument is out of its range, or class weights cannot be read.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        loss: Callable[..., Tensor],
        /,
        *,
        use_sigmoid: bool,
        class_weights: Sequence[float] | Mapping[str, Any] | None = None,
        background_weight: float = 1.0,
    ) -> None:
        super().__init__()
        loss(  # an empty batch, to validate the arguments
            torch.empty(0, 2),
            torch.empty(0, dtype=torch.int64),
            use_sigmoid=use_sigmoid,
            class_weights=None if class_weights is None else torch.ones(1 + use_sigmoid),
            background_weight=background_weight,
        )
        self.loss = loss
        self.use_sigmoid = use_sigmoid
        self.background_weight = background_weight
        self.classes: tuple[str, ...] | None = None
        self.missing_file: str | None = None
        weights = None
        if isinstance(class_weights, Mapping) and 'ann_file' in class_weights:
            path = str(class_weights['ann_file'])
            self.missing_file = None if Path(path).is_file() else path
        if class_weights is not None and self.missing_file is None:
            read = read_class_weights(class_weights)
            self.classes, weights = read.classes, torch.tensor(read.weights)
        self.register_buffer('class_weights', weights, persistent=False)

    def check_classes(self, classes: Sequence[str]) -> None:
        """Checks that the class weights are for the classes of the training data set.

        Raises:
            InputError: If they are for other classes, or their annotation file is missing.
        """
        self.check_file()
        if self.classes is not None and self.classes != tuple(classes):
            raise InputError(
                f'the class weights are for the classes {list(self.classes)}, but the data set '
                f'has {list(classes)}; give both one taxonomy'
            )
        if self.class_weights is not None:
            check_number(len(self.class_weights), len(classes))

    def check_file(self) -> None:
        """Raises an InputError if the annotation file of the class weights is missing."""
        if self.missing_file is not None:
            raise InputError(
                f'{self.missing_file}: no such annotation file to take class weights from; write '
                'it with tools/dataset_converters/prepare_taco.py, or set TACO_DATA_ROOT'
            )

    def weighing(self) -> dict[str, Any]:
        """Arguments of :class:`~.functional.Reducer` that are the same in every iteration."""
        self.check_file()
        return {
            'use_sigmoid': self.use_sigmoid,
            'class_weights': self.class_weights,
            'background_weight': self.background_weight,
        }

    def extra_repr(self) -> str:
        """Settings of the loss that a printed model shows."""
        weights = None if self.class_weights is None else self.class_weights.tolist()
        return f'use_sigmoid={self.use_sigmoid}, class_weights={weights}'
