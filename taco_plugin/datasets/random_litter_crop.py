"""Crops around litter, for training on tiles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmdet.datasets.transforms import RandomCrop
from mmdet.registry import TRANSFORMS

from ..errors import InputError
from ..models.losses.class_weights import read_class_weights

_TRIALS = 20
"""Random crops among which one without litter is looked for."""


@TRANSFORMS.register_module()
class RandomLitterCrop(RandomCrop):
    """Crops around a random object, or where there is none, in a stated ratio.

    Litter covers a small part of a photograph, so that most of ``RandomCrop``'s crops at the scale
    of tiles hold none. Here, a fraction of the crops holds a random object of the photograph,
    anywhere in the crop, and the whole of it if it fits. The others are the emptiest of 20 random
    crops. It belongs after a resize to the scale of the tiles.

    Args:
        crop_size: Width and height of the crop, pixels; a smaller image stays as it is.
        litter_fraction: Share of the crops that are taken around an object, in [0, 1].
        class_weights: Relative frequency with which an object of each class is chosen among those
            of its photograph, in one of the forms of
            :func:`~taco_plugin.models.losses.class_weights.read_class_weights`; by default, all
            objects are equally likely.
        kwargs: As for ``RandomCrop``, which drops an image that is left without boxes only if
            ``allow_negative_crop`` is False.

    Raises:
        InputError: If an argument is out of range.
    """

    def __init__(
        self,
        crop_size: tuple[int, int],
        litter_fraction: float = 0.75,
        class_weights: Sequence[float] | Mapping[str, Any] | None = None,
        *,
        allow_negative_crop: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(tuple(crop_size), allow_negative_crop=allow_negative_crop, **kwargs)
        if not 0 <= litter_fraction <= 1:
            raise InputError(f'litter_fraction must be in [0, 1], but is {litter_fraction}')
        self.litter_fraction = litter_fraction
        self.class_weights = class_weights and np.array(read_class_weights(class_weights).weights)
        self._corner = (0, 0)

    def _crop_data(
        self, results: dict, crop_size: tuple[int, int], allow_negative_crop: bool
    ) -> dict | None:
        """Chooses the crop that ``RandomCrop`` then takes."""
        margin = np.maximum(np.subtract(results['img'].shape[:2], crop_size), 0)
        boxes = results['gt_bboxes'].numpy()[:, [1, 0, 3, 2]]  # y before x, as in crop_size
        size = np.array(crop_size)
        if len(boxes) and np.random.random() < self.litter_fraction:
            chances = np.ones(len(boxes))
            if self.class_weights is not None:
                chances = self.class_weights[results['gt_bboxes_labels']] + 1e-12
            box = boxes[np.random.choice(len(boxes), p=chances / chances.sum())]
            bounds = np.sort([box[2:] - size, box[:2]], axis=0)  # swapped if the box is larger
            low, high = np.clip([np.ceil(bounds[0]), np.floor(bounds[1])], 0, margin)
            corner = np.random.randint(low, np.maximum(low, high) + 1)
        else:
            corners = np.random.randint(0, margin + 1, size=(_TRIALS, 2))
            first = np.maximum(corners[:, None], boxes[:, :2])
            last = np.minimum(corners[:, None] + size, boxes[:, 2:])
            shared = np.maximum(last - first, 0).prod(axis=2).sum(axis=1)
            corner = corners[shared.argmin()]
        self._corner = tuple(corner.tolist())
        return super()._crop_data(results, crop_size, allow_negative_crop)

    def _rand_offset(self, margin: tuple[int, int]) -> tuple[int, int]:
        return self._corner
