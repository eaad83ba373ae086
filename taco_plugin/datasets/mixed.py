"""MMDetection's data set of mixed images, on TACO."""

from collections.abc import Sequence
from typing import Any

from mmdet.datasets import MultiImageMixDataset
from mmdet.registry import DATASETS

from .taco import TacoDataset


@DATASETS.register_module()
class TacoMultiImageMixDataset(MultiImageMixDataset):
    """``MultiImageMixDataset``, which tells its data set what becomes of the photographs.

    So a :class:`TacoDataset` need not decode more of them than Mosaic or MixUp can use. The
    ``scale_factor`` of an image, to which a mosaic gives no meaning and training none either, is
    relative to the photograph as it was decoded.

    Args:
        args, kwargs: As for ``MultiImageMixDataset``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._tell()

    def update_skip_type_keys(self, skip_type_keys: Sequence[str]) -> None:
        """Leaves out transforms from now on; a hook calls it towards the end of a training."""
        super().update_skip_type_keys(skip_type_keys)
        self._tell()

    def _tell(self) -> None:
        if isinstance(self.dataset, TacoDataset):
            skipped = self._skip_type_keys or ()
            steps = zip(self.pipeline, self.pipeline_types, strict=True)
            self.dataset.set_outer_transforms([step for step, name in steps if name not in skipped])
