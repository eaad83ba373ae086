"""Finds out from a pipeline what size of photograph it asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmcv.transforms import RandomChoice, RandomChoiceResize, RandomResize
from mmcv.transforms import RandomFlip as MmcvRandomFlip
from mmcv.transforms import Resize as MmcvResize
from mmdet.datasets.transforms import (
    CachedMixUp,
    CachedMosaic,
    LoadAnnotations,
    MixUp,
    Mosaic,
    PackDetInputs,
    PhotoMetricDistortion,
    RandomFlip,
    Resize,
    YOLOXHSVRandomAug,
)

from ..coco.jpeg import Size
from .transforms import LoadTacoAnnotations, LoadTacoImage

# What may come before the first resize: it does to a small image what it does to a large one.
_SCALE_FREE = {
    LoadTacoAnnotations,
    MmcvRandomFlip,
    PackDetInputs,
    PhotoMetricDistortion,
    RandomFlip,
    YOLOXHSVRandomAug,
}
_MIX_FROM_THEIR_CACHE = {CachedMixUp, CachedMosaic}  # of what came to them in the pipeline


@dataclass(frozen=True)
class Fit:
    """How one transform resizes.

    Args:
        scale: Two numbers, in pixels.
        mode: ``'edges'``: the longer and the shorter edge stay within the larger and the smaller
            number; ``'box'``: width and height stay within the two; ``'stretch'``: they become
            the two.

    >>> Fit((1333, 800), 'edges').size(3000, 4000)
    (800, 1067)
    >>> Fit((640, 640), 'box').size(4000, 3000)
    (640, 480)
    """

    scale: tuple[float, float]
    mode: Literal['edges', 'box', 'stretch']

    def size(self, width: int, height: int) -> Size:
        """Width and height that a photograph of that size is resized to."""
        across, down = self.scale
        if self.mode == 'stretch':
            return int(across), int(down)
        if self.mode == 'edges' and (width > height) != (across > down):
            across, down = down, across
        factor = min(across / width, down / height)
        return max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5))


class UnknownInputSizeError(Exception):
    """The pipeline does not tell at what size it needs a photograph; says why."""


class NoResizeError(UnknownInputSizeError):
    """Nothing resizes the photograph: it is wanted as it is, or a wrapper resizes it."""


def find_fits(transforms: Sequence[Any]) -> list[Fit]:
    """What the first resize of a pipeline may do, along every path that chance may take.

    A photograph must be at least as large as each of them makes it. What comes later, a crop and
    another resize say, sees only what the first left, and so loses nothing. What comes before it
    must be indifferent to the size of the photograph: a crop there, or anything that is not known,
    needs the whole.

    Args:
        transforms: Of a data set, followed by those of its wrapper.

    Raises:
        UnknownInputSizeError: If the whole photograph is needed.
    """
    loader = transforms[0] if transforms else None
    if type(loader) is not LoadTacoImage:
        raise UnknownInputSizeError('the pipeline does not begin with LoadTacoImage')
    if not loader.can_decode_less:
        raise UnknownInputSizeError('LoadTacoImage has arguments that only a full decode obeys')
    return [*_first_fits(transforms[1:]), *_fits_of_mixed_images(transforms)]


def _first_fits(transforms: Sequence[Any]) -> list[Fit]:
    for position, transform in enumerate(transforms):
        rest = transforms[position + 1 :]
        if type(transform) in _SCALE_FREE and not getattr(transform, 'with_seg', False):
            continue
        if type(transform) is RandomChoice:
            return [fit for branch in transform.transforms for fit in _first_fits([*branch, *rest])]
        fits = _fits(transform)
        if not fits:
            raise _unknown(transform)
        return fits + (_first_fits(rest) if getattr(transform, 'prob', 1) < 1 else [])
    raise NoResizeError('no transform of the pipeline resizes them')


def _unknown(transform: object) -> UnknownInputSizeError:
    name = type(transform).__name__
    remedy = ' (LoadTacoAnnotations does not)' if type(transform) is LoadAnnotations else ''
    return UnknownInputSizeError(f'{name} may depend on their size{remedy}')


def _fits_of_mixed_images(transforms: Sequence[Any]) -> list[Fit]:
    """What is done to other photographs, fresh from the data set, by ``MultiImageMixDataset``."""
    fits: list[Fit] = []
    for transform in transforms:
        if type(transform) is MixUp:
            fits.append(Fit(transform.dynamic_scale, 'box'))
        elif type(transform) is Mosaic:
            fits += _fits(transform)
        elif hasattr(transform, 'get_indexes') and type(transform) not in _MIX_FROM_THEIR_CACHE:
            raise _unknown(transform)
    return fits


def _fits(transform: Any) -> list[Fit]:  # noqa: ANN401
    """None at all if ``transform`` is not known to resize to a size in pixels."""
    if type(transform) in (Mosaic, CachedMosaic):
        return [Fit(transform.img_scale, 'box')]
    if type(transform) in (Resize, MmcvResize):
        return _fits_of_resize(transform, [transform.scale])
    if type(transform) is RandomChoiceResize:
        return _fits_of_resize(transform.resize, transform.scales)
    if type(transform) is RandomResize:
        scales = transform.scale if isinstance(transform.scale, list) else [transform.scale]
        largest = (max(scale[0] for scale in scales), max(scale[1] for scale in scales))
        ratio = max(transform.ratio_range or (1,))
        return _fits_of_resize(transform.resize, [(largest[0] * ratio, largest[1] * ratio)])
    return []


def _fits_of_resize(resize: MmcvResize, scales: Sequence) -> list[Fit]:
    scales = [(scale, scale) if isinstance(scale, int) else scale for scale in scales]
    if type(resize) not in (Resize, MmcvResize):
        return []
    if not all(isinstance(scale, tuple | list) and len(scale) == 2 for scale in scales):
        return []  # a factor, which is relative to the photograph
    return [Fit(tuple(scale), 'edges' if resize.keep_ratio else 'stretch') for scale in scales]


def needed_size(fits: Sequence[Fit], width: int, height: int) -> Size:
    """The least size that no fit enlarges, and at most that of the photograph itself.

    >>> needed_size([Fit((640, 640), 'box'), Fit((300, 300), 'stretch')], 4000, 1000)
    (640, 300)
    """
    sizes = [fit.size(width, height) for fit in fits]
    return min(width, max(w for w, _ in sizes)), min(height, max(h for _, h in sizes))
